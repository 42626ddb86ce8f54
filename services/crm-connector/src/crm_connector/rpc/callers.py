"""Which service may call what, by the name in its certificate.

A caller is known by the DNS names of its certificate, which the CA of the services has signed. Without TLS callers
cannot be told apart, so nothing of this applies: such a server must not be reachable by others.
"""

import ssl
from collections.abc import Callable, Mapping
from typing import Any

import grpc

from crm_connector.domain.errors import ForbiddenError

_GATEWAY = frozenset({"webhook-gateway"})
CALLERS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "leadsync.integration.v1.IntegrationService": {
        "CreateIntegration": _GATEWAY,
        "GetIntegration": _GATEWAY,
        "ListIntegrations": _GATEWAY,
        "UpdateIntegration": _GATEWAY,
        "DeleteIntegration": _GATEWAY,
        "EnableWebhooks": _GATEWAY,
        "DisableWebhooks": _GATEWAY,
        "GetWebhookStatus": _GATEWAY,
        "StartImport": _GATEWAY,
        "StartPush": _GATEWAY,
        "GetRun": _GATEWAY,
        "ListRuns": _GATEWAY,
        "ListPlannedRecords": _GATEWAY,
        "CancelRun": _GATEWAY,
        "CheckIntegration": _GATEWAY,
        "ListLoops": _GATEWAY,
        "ListCrmFields": _GATEWAY,
    },
}
DNS_NAME, LONGEST_NAME = 0x82, 127  # how a name begins in a certificate (DER), and up to which length it does so
_OURS = "/leadsync."  # health and reflection are for everybody whose certificate the CA has signed
_NOBODY: frozenset[str] = frozenset()


class CallerInterceptor(grpc.ServerInterceptor):
    """Refuses a call that is not its caller's: ForbiddenError. Inside of ErrorInterceptor, on servers with TLS only."""

    def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Wrap our own methods, all of which have one answer; others of ours are refused."""
        handler, method = continuation(handler_call_details), handler_call_details.method
        if handler is None or not method.startswith(_OURS):
            return handler
        service, _, name = method.removeprefix("/").partition("/")
        allowed, inner = CALLERS.get(service, {}).get(name, _NOBODY), handler.unary_unary

        def checked(request: Any, context: grpc.ServicerContext) -> Any:
            check(context, name, allowed)
            return inner(request, context) if inner else None  # there is no other kind

        return grpc.unary_unary_rpc_method_handler(
            checked,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def check(context: grpc.ServicerContext, method: str, allowed: frozenset[str]) -> None:
    """Raise ForbiddenError unless one of the caller's names is allowed."""
    names = _names(context)
    if not names & allowed:
        may = " or ".join(sorted(allowed)) or "nobody"
        caller = ", ".join(sorted(names)) or "a caller without a name"
        detail = f"{method} is for {may}, not for {caller}: call it with a certificate of that name (LEADSYNC_TLS_CERT)"
        raise ForbiddenError("caller_not_allowed", detail)


def _names(context: grpc.ServicerContext) -> set[str]:
    """Return the caller's DNS names. gRPC cuts them at a zero byte, so each has to be in the certificate as it is."""
    shown: Any = context.auth_context()  # its stub is wrong: each property has several values
    pem = b"".join(shown.get("x509_pem_cert", ()))
    certificate = ssl.PEM_cert_to_DER_cert(pem.decode("ascii")) if pem else b""
    names = [name for name in shown.get("peer_dns", ()) if len(name) <= LONGEST_NAME]
    return {name.decode() for name in names if bytes((DNS_NAME, len(name))) + name in certificate}
