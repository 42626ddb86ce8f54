"""Which service may call what, by the name in its certificate.

A caller is known by the DNS names of its certificate, which the CA of the services has signed. Without TLS callers
cannot be told apart, so nothing of this applies: such a server must not be reachable by others.
"""

from __future__ import annotations  # the stubs of grpc have generic types that do not exist at run time

import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import grpc

from lead_store.domain.errors import Forbidden

GATEWAY, CONNECTOR = "webhook-gateway", "crm-connector"
PLATFORM = "platform"  # any other service of the platform; its certificate has this name beside its own
_GATEWAY, _CONNECTOR, _BOTH = frozenset({GATEWAY}), frozenset({CONNECTOR}), frozenset({GATEWAY, CONNECTOR})
_PUBLIC = frozenset({GATEWAY, PLATFORM})

CALLERS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "leadsync.lead.v1.LeadService": {
        "CreateLead": _PUBLIC,
        "GetLead": _PUBLIC,
        "ListLeads": _PUBLIC | _CONNECTOR,
        "UpdateLead": _PUBLIC,
        "DeleteLead": _PUBLIC,
        "WatchLeads": _PUBLIC,
        "ExplainLead": _PUBLIC,
    },
    "leadsync.lead.v1.LeadFieldService": {
        "PutLeadField": _GATEWAY,
        "GetLeadField": _PUBLIC,
        "ListLeadFields": _PUBLIC,
        "DeleteLeadField": _GATEWAY,
    },
    "leadsync.inbox.v1.InboxService": {
        "RecordDeliveries": _BOTH,  # the connector records what it reads from streams
        "GetDelivery": _GATEWAY,
        "ListDeliveries": _GATEWAY,
        "QuarantineRequests": _GATEWAY,
        "ListQuarantined": _GATEWAY,
        "CountQuarantined": _GATEWAY,
        "ForgetQuarantined": _GATEWAY,
    },
    "leadsync.sync.v1.WorkService": {
        "PutTarget": _CONNECTOR,
        "RemoveTarget": _CONNECTOR,
        "LeaseWork": _CONNECTOR,
        "Reconcile": _CONNECTOR,
        "SettleWrites": _CONNECTOR,
        "ReleaseWork": _CONNECTOR,
        "ListWork": _BOTH,
        "RequestSync": _BOTH,
        "GetSyncStatus": _GATEWAY,
        "GetRunWork": _CONNECTOR,
        "DropRunWork": _CONNECTOR,
    },
    "leadsync.sync.v1.PlanService": {
        "CheckPolicy": _CONNECTOR,
        "PlanRecords": _CONNECTOR,
        "PlanLeads": _CONNECTOR,
    },
    "leadsync.sync.v1.ConflictService": {
        "ListConflicts": _GATEWAY,
        "ResolveConflict": _GATEWAY,
        "ResolveConflicts": _GATEWAY,
        "UndoDecision": _GATEWAY,
    },
    "leadsync.console.v1.SignInService": {"SpendCode": _GATEWAY},
    "leadsync.sync.v1.MatchService": {
        "ListMatches": _GATEWAY,
        "PickMatch": _GATEWAY,
        "ListDuplicates": _GATEWAY,
    },
}
DNS_NAME, LONGEST_NAME = 0x82, 127  # how a name begins in a certificate (DER), and up to which length it does so
_OURS = "/leadsync."  # health and reflection are for everybody whose certificate the CA has signed
_NOBODY: frozenset[str] = frozenset()


class CallerInterceptor(grpc.ServerInterceptor):
    """Refuses a call that is not its caller's: Forbidden. Goes inside of ErrorInterceptor, on servers with TLS only."""

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Wrap a handler of either kind that is used here: one answer, or a stream of answers."""
        handler, method = continuation(handler_call_details), handler_call_details.method
        if handler is None or not method.startswith(_OURS):
            return handler
        service, _, name = method.removeprefix("/").partition("/")
        allowed = CALLERS.get(service, {}).get(name, _NOBODY)
        answer, stream = handler.unary_unary, handler.unary_stream

        def answering(request: Any, context: grpc.ServicerContext) -> Any:
            check(context, name, allowed)
            return answer(request, context)  # type: ignore[misc]  # used only where there is one

        def streaming(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            check(context, name, allowed)
            yield from stream(request, context)  # type: ignore[misc]  # used only where there is one

        coding = handler.request_deserializer, handler.response_serializer
        if answer is not None:
            return grpc.unary_unary_rpc_method_handler(answering, *coding)
        return grpc.unary_stream_rpc_method_handler(streaming, *coding)


def check(context: grpc.ServicerContext, method: str, allowed: frozenset[str]) -> None:
    """Raise Forbidden unless one of the caller's names is allowed."""
    names = _names(context)
    if not names & allowed:
        may = " or ".join(sorted(allowed)) or "nobody"
        caller = ", ".join(sorted(names)) or "a caller without a name"
        detail = f"{method} is for {may}, not for {caller}: call it with a certificate of that name (LEADSYNC_TLS_CERT)"
        raise Forbidden("caller_not_allowed", detail)


def _names(context: grpc.ServicerContext) -> set[str]:
    """Return the caller's DNS names. gRPC cuts them at a zero byte, so each has to be in the certificate as it is."""
    shown: Any = context.auth_context()  # its stub is wrong: each property has several values
    pem = b"".join(shown.get("x509_pem_cert", ()))
    certificate = ssl.PEM_cert_to_DER_cert(pem.decode("ascii")) if pem else b""
    names = [name for name in shown.get("peer_dns", ()) if len(name) <= LONGEST_NAME]
    return {name.decode() for name in names if bytes((DNS_NAME, len(name))) + name in certificate}
