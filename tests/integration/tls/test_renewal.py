"""Certificates that are renewed while services run: nothing is restarted, and new connections use the new ones."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import certificates
import crm_connector.clients.channel
import crm_connector.tls
import grpc
import lead_store.tls
import pytest
import webhook_gateway.rpc.calls
import webhook_gateway.tls
from crm_connector.domain.errors import StoreUnavailableError
from cryptography import x509
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from lead_store.rpc.server import credentials
from lead_store.tls import LOOK_SECONDS

SECONDS = 60
PAUSE = 0.1
CHECK = "/grpc.health.v1.Health/Check"


def often() -> Callable[[], float]:
    """A clock by which it is always time to look at the files."""
    return count(step=LOOK_SECONDS).__next__


class Witness(health.HealthServicer):
    """A health service that remembers who asked last."""

    last = b""

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        """Answer, and remember the caller's certificate."""
        (self.last,) = context.auth_context()["x509_pem_cert"]
        return super().Check(request, context)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Certificates of all services."""
    return certificates.make(tmp_path, "lead-store", "crm-connector", "webhook-gateway")


@contextmanager
def serving(folder: Path, service: str = "lead-store") -> Iterator[tuple[int, Witness]]:
    """Serve health as lead-store serves, with the certificate of a service; gives the port and the witness."""
    files = lead_store.tls.read_tls(certificates.variables(folder, service), service, [])
    assert files is not None
    server, witness = grpc.server(ThreadPoolExecutor(4)), Witness()
    health_pb2_grpc.add_HealthServicer_to_server(witness, server)
    port = server.add_secure_port("127.0.0.1:0", credentials(lead_store.tls.Renewed(files, often())))
    server.start()
    try:
        yield port, witness
    finally:
        server.stop(None).wait()


@contextmanager
def connector(folder: Path, port: int) -> Iterator[Callable[[], Any]]:
    """A health check of lead-store as crm-connector calls it."""
    files = crm_connector.tls.read_tls(certificates.variables(folder, "crm-connector"), "crm-connector", [])
    assert files is not None
    channel = crm_connector.clients.channel.open_channel(f"127.0.0.1:{port}", crm_connector.tls.Renewed(files, often()))
    with channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        yield lambda: stub.Check(health_pb2.HealthCheckRequest(), timeout=SECONDS)


@contextmanager
def gateway(folder: Path, port: int) -> Iterator[Callable[[], Any]]:
    """A health check of lead-store as webhook-gateway calls it."""
    files = webhook_gateway.tls.read_tls(certificates.variables(folder, "webhook-gateway"), "webhook-gateway", [])
    assert files is not None
    tls = webhook_gateway.tls.Renewed(files, often())

    async def opened() -> tuple[grpc.aio.Channel, Any]:
        channel = webhook_gateway.rpc.calls.open_channel(f"127.0.0.1:{port}", "lead-store", tls)
        coding = health_pb2.HealthCheckRequest.SerializeToString, health_pb2.HealthCheckResponse.FromString
        return channel, channel.unary_unary(CHECK, request_serializer=coding[0], response_deserializer=coding[1])

    async def called() -> Any:
        return await method(health_pb2.HealthCheckRequest(), timeout=SECONDS)

    with asyncio.Runner() as runner:
        channel, method = runner.run(opened())
        yield lambda: runner.run(called())
        runner.run(channel.close())


def shown_by(folder: Path, port: int) -> bytes:
    """The certificate that a server shows to a new connection."""
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    context.load_cert_chain(folder / "crm-connector" / "tls.pem")
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as raw,
        context.wrap_socket(raw, server_hostname="lead-store") as wrapped,
    ):
        return wrapped.getpeercert(binary_form=True) or b""


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(PAUSE)


def of(folder: Path, service: str) -> x509.Certificate:
    """The certificate in a service's folder."""
    return x509.load_pem_x509_certificate((folder / service / "tls.crt").read_bytes())


def test_a_server_shows_its_renewed_certificate_to_new_connections(folder: Path) -> None:
    """Those that are open go on."""
    with serving(folder) as (port, _), connector(folder, port) as check:
        check()
        before = shown_by(folder, port)
        certificates.make(folder, "lead-store", force=True)
        until(lambda: shown_by(folder, port) != before)
        assert x509.load_der_x509_certificate(shown_by(folder, port)) == of(folder, "lead-store")
        check()


@pytest.mark.parametrize(("client", "service"), [(connector, "crm-connector"), (gateway, "webhook-gateway")])
def test_a_client_goes_on_with_its_renewed_certificate(folder: Path, client: Any, service: str) -> None:
    """The same stub, without a restart, and without a call that fails; also when it is renewed a third time."""
    with serving(folder) as (port, witness), client(folder, port) as check:
        for _ in range(3):
            certificates.make(folder, service, force=True)
            wanted = of(folder, service)

            def is_shown(wanted: x509.Certificate = wanted) -> bool:
                check()
                return x509.load_pem_x509_certificate(witness.last) == wanted

            until(is_shown)


def test_the_ca_can_be_changed_without_a_stop(folder: Path, tmp_path: Path) -> None:
    """Both CAs in all files, then the new certificates, then the new CA alone: calls succeed at each step."""
    names = ("lead-store", "crm-connector")
    new = certificates.make(tmp_path / "new", *names)
    old_ca, new_ca = ((place / "ca.crt").read_text(encoding="ascii") for place in (folder, new))

    def give(file: str, content: Callable[[str], str]) -> None:
        for name in names:
            (folder / name / file).write_text(content(name), encoding="ascii")

    with serving(folder) as (port, witness), connector(folder, port) as check:
        check()
        give("ca.crt", lambda _: old_ca + new_ca)
        check()
        for file in ("tls.key", "tls.crt"):
            give(file, lambda name, file=file: (new / name / file).read_text(encoding="ascii"))  # type: ignore[misc]
        check()
        give("ca.crt", lambda _: new_ca)
        check()
        assert x509.load_pem_x509_certificate(witness.last) == of(new, "crm-connector")


@pytest.mark.parametrize("client", [connector, gateway])
def test_a_client_calls_nobody_but_the_service_it_wants(folder: Path, client: Any) -> None:
    """A server with the certificate of another service is not lead-store, although the same CA has signed it."""
    certificates.make(folder, "platform")
    with serving(folder, "platform") as (port, witness), client(folder, port) as check:
        with pytest.raises(grpc.RpcError) as failed:
            check()
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
        assert witness.last == b""


@pytest.mark.parametrize("client", [connector, gateway])
def test_a_client_calls_nobody_whom_its_ca_does_not_know(folder: Path, client: Any, tmp_path: Path) -> None:
    """A server with the right name and a certificate of another CA is refused."""
    other = certificates.make(tmp_path / "other", "lead-store")
    with serving(other) as (port, witness), client(folder, port) as check:
        with pytest.raises(grpc.RpcError) as failed:
            check()
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
        assert witness.last == b""


@pytest.mark.parametrize("wrong", ["name", "CA"])
def test_crm_connector_logs_tls_as_the_reason(folder: Path, tmp_path: Path, wrong: str) -> None:
    """A lead-store that is not believed is told from one that does not answer: its reason is `tls_failed`."""
    other = certificates.make(tmp_path / "other", "lead-store", "platform")
    shown = (certificates.make(folder, "platform"), "platform") if wrong == "name" else (other, "lead-store")
    with serving(*shown) as (port, _), connector(folder, port) as check:
        with pytest.raises(StoreUnavailableError) as failed, crm_connector.clients.channel.mapped_errors():
            check()
        assert failed.value.reason == "tls_failed"
    with (
        connector(folder, port) as check,  # it has stopped
        pytest.raises(StoreUnavailableError) as silent,
        crm_connector.clients.channel.mapped_errors(),
    ):
        check()
    assert silent.value.reason == "store_unavailable"
