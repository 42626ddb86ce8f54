"""The gRPC server: our service, health and reflection."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from leadsync.integration.v1 import integration_service_pb2, integration_service_pb2_grpc

from crm_connector.rpc.callers import CallerInterceptor
from crm_connector.rpc.errors import ErrorInterceptor
from crm_connector.rpc.integration_service import IntegrationServicer
from crm_connector.tls import Identity, Renewed

_WORKERS = 32
# Seconds that calls in flight get to end; the process has to be gone within about five.
_GRACE_SECONDS = 3.0
SERVICE = integration_service_pb2.DESCRIPTOR.services_by_name["IntegrationService"].full_name


class Server:
    """Serves on one address until stopped."""

    def __init__(
        self,
        servicer: IntegrationServicer,
        host: str,
        port: int,
        start_seconds: float,
        tls: Renewed | None = None,
    ) -> None:
        """Bind the address; port 0 takes a free one. Calls before `serve` wait so many seconds for it.

        With `tls` each side has to show a certificate, and each service may call only what is its own.

        Raises:
            OSError: if the address is taken.

        """
        pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="rpc")
        options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 4 * 1024 * 1024)]
        self._ready = threading.Event()
        callers = [CallerInterceptor()] if tls else []
        errors = ErrorInterceptor(self._ready, start_seconds)
        self._server = grpc.server(pool, interceptors=[errors, *callers], options=options)
        self._health = health.HealthServicer()
        integration_service_pb2_grpc.add_IntegrationServiceServicer_to_server(servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)
        try:
            at = f"{host}:{port}"
            self.port = (
                self._server.add_secure_port(at, credentials(tls)) if tls else self._server.add_insecure_port(at)
            )
        except RuntimeError as error:
            raise OSError(f"Cannot listen on {host}:{port}; is another crm-connector running?") from error

    def start(self) -> None:
        """Answer health checks; other calls wait for `serve`."""
        self.show_health(serving=False)
        self._server.start()

    def serve(self) -> None:
        """Serve, and say so to health checks."""
        self._ready.set()
        self.show_health(serving=True)

    def stop(self) -> None:
        """Take no more calls and let those in flight end."""
        self._health.enter_graceful_shutdown()
        self._server.stop(_GRACE_SECONDS).wait()

    def show_health(self, *, serving: bool) -> None:
        """Answer health checks so from now on."""
        status = health_pb2.HealthCheckResponse
        for name in ("", SERVICE):
            self._health.set(name, status.SERVING if serving else status.NOT_SERVING)


def credentials(tls: Renewed) -> grpc.ServerCredentials:
    """What this service shows and whom it trusts; each new connection gets what counts then."""

    def configuration(identity: Identity) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration([(identity.key, identity.certificate)], identity.ca)

    last = tls.identity()

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal last
        before, last = last, tls.identity()
        return configuration(last) if last is not before else None  # None = as before

    fetch: Any = renewed  # its stub does not know of None
    return grpc.dynamic_ssl_server_credentials(configuration(last), fetch, require_client_authentication=True)
