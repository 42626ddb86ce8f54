"""crm-connector with TLS: webhook-gateway alone may call it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certificates
import grpc
import pytest
from crm_connector.domain.errors import NotFoundError
from crm_connector.rpc.server import Server
from crm_connector.tls import Renewed, read_tls
from integration.tls.test_callers import ACCEPTED, REFUSED, answer, health
from leadsync.integration.v1 import integration_service_pb2, integration_service_pb2_grpc

NAMES = ("crm-connector", "webhook-gateway", "lead-store", "platform")


class Nothing:
    """Answers every call: there is no such thing."""

    def __getattr__(self, _: str) -> Any:
        def missing(_request: Any, _context: Any) -> Any:
            raise NotFoundError("not_found")

        return missing


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The server of crm-connector with TLS, which knows no integration; gives its port and the certificates."""
    folder, nothing = certificates.make(tmp_path_factory.mktemp("tls"), *NAMES), Nothing()
    files = read_tls(certificates.variables(folder, "crm-connector"), "crm-connector", [])
    assert files is not None
    unused: Any = nothing
    server = Server(unused, "127.0.0.1", 0, 60.0, Renewed(files))
    server.start()
    server.serve()
    yield server.port, folder
    server.stop()


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("webhook-gateway", "NOT_FOUND not_found"),
        ("platform", REFUSED),
        ("lead-store", REFUSED),
        ("crm-connector", REFUSED),
    ],
)
def test_integrations_are_the_gateways(server: tuple[int, Path], service: str, expected: str) -> None:
    """Any other service with a certificate is refused, and may only ask for health."""
    port, folder = server
    pair = [(folder / service / name).read_bytes() for name in ("tls.key", "tls.crt")]
    shown = grpc.ssl_channel_credentials((folder / "ca.crt").read_bytes(), *pair)
    options = [("grpc.ssl_target_name_override", "crm-connector")]
    with grpc.secure_channel(f"127.0.0.1:{port}", shown, options=options) as channel:
        stub = integration_service_pb2_grpc.IntegrationServiceStub(channel)
        request = integration_service_pb2.GetIntegrationRequest(tenant_id="acme", integration_id="x")
        assert answer(stub.GetIntegration, request) == expected
        assert health(channel) == ACCEPTED
