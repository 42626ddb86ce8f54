"""A method that has been added to a contract, and not to the table of callers."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import certificates
import crm_connector.rpc.callers
import crm_connector.rpc.errors
import crm_connector.rpc.server
import crm_connector.tls
import grpc
import lead_store.rpc.callers
import lead_store.rpc.errors
import lead_store.rpc.server
import lead_store.tls
import pytest
from integration.tls.test_callers import ACCEPTED, REFUSED, answer

STORE = "/leadsync.lead.v1.LeadService"
CONNECTOR = "/leadsync.integration.v1.IntegrationService"
SERVICES: dict[str, tuple[Any, tuple[Any, ...], str, str]] = {
    "lead-store": (lead_store, (), f"{STORE}/Added", f"{STORE}/ListLeads"),
    "crm-connector": (crm_connector, (threading.Event(), 0.0), f"{CONNECTOR}/Added", f"{CONNECTOR}/ListLoops"),
}


@contextmanager
def serving(service: str, folder: Path) -> Iterator[int]:
    """Serve every method there may be with the interceptors of a service; gives the port."""
    package, waiting, *_ = SERVICES[service]
    for event in waiting[:1]:
        event.set()
    files = package.tls.read_tls(certificates.variables(folder, service), service, [])

    class Everything(grpc.GenericRpcHandler):
        def service(self, _: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(lambda request, _: request)

    interceptors = [package.rpc.errors.ErrorInterceptor(*waiting), package.rpc.callers.CallerInterceptor()]
    server = grpc.server(ThreadPoolExecutor(2), handlers=[Everything()], interceptors=interceptors)
    port = server.add_secure_port("127.0.0.1:0", package.rpc.server.credentials(package.tls.Renewed(files)))
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


@pytest.mark.parametrize("service", SERVICES)
def test_a_method_without_an_entry_can_be_called_by_nobody(service: str, tmp_path: Path) -> None:
    """Also not with a certificate that has all names there are."""
    names = ("lead-store", "crm-connector", "webhook-gateway", "platform")
    folder = certificates.make_with_names(tmp_path, service, names)
    home, (*_, added, known) = folder / service, SERVICES[service]
    shown = grpc.ssl_channel_credentials(*((home / name).read_bytes() for name in ("ca.crt", "tls.key", "tls.crt")))
    options = [("grpc.ssl_target_name_override", service)]

    with (
        serving(service, folder) as port,
        grpc.secure_channel(f"127.0.0.1:{port}", shown, options=options) as channel,
    ):
        assert answer(channel.unary_unary(added), b"") == REFUSED
        assert answer(channel.unary_unary(known), b"") == ACCEPTED
