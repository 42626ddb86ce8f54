"""The channel to lead-store, and its refusals as our errors."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from crm_connector.clients.renewing import RenewingChannel
from crm_connector.domain.errors import InvalidError, StoreRefusedError, StoreTooLargeError, StoreUnavailableError
from crm_connector.tls import Identity, Renewed

_AWAY = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNKNOWN,
}
_TOO_LARGE = "message larger than max"  # gRPC's words, on either side of a call
_NOT_BELIEVED = re.compile("handshake failed|Verification Check failed|CERTIFICATE_VERIFY_FAILED")  # as well
_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
# Calls that may be made twice, and that are not repeated later: when a process of lead-store goes away, another one is
# asked. All processes are asked in turn.
_REPEATABLE = {
    "leadsync.lead.v1.LeadService": ("ListLeads",),
    "leadsync.sync.v1.PlanService": ("CheckPolicy", "PlanLeads", "PlanRecords"),
    "leadsync.sync.v1.WorkService": ("ListWork", "ReleaseWork", "SettleWrites"),
}
_RETRY = {
    "maxAttempts": 3,
    "initialBackoff": "0.02s",
    "maxBackoff": "0.2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {"name": [{"service": service, "method": method} for method in methods], "retryPolicy": _RETRY}
        for service, methods in _REPEATABLE.items()
    ],
}


_OPTIONS = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.dns_min_time_between_resolutions_ms", 5_000),
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.keepalive_time_ms", 60_000),
)
_NAME = ("grpc.ssl_target_name_override", "lead-store")  # who has to answer, at whatever address


def open_channel(target: str, tls: Renewed | None = None) -> grpc.Channel:
    """Open a channel to lead-store, which may be several processes; nothing is sent yet.

    With `tls` it has to show a certificate with the name lead-store.
    """
    if tls is None:
        return grpc.insecure_channel(target, options=_OPTIONS)

    def connect(identity: Identity) -> grpc.Channel:
        shown = grpc.ssl_channel_credentials(identity.ca, identity.key, identity.certificate)
        return grpc.secure_channel(target, shown, options=(*_OPTIONS, _NAME))

    return RenewingChannel(tls, connect)


@contextmanager
def mapped_errors(*, pass_on: bool = False) -> Iterator[None]:
    """Turn errors into StoreUnavailableError, if the same call may be repeated, or StoreRefusedError.

    StoreTooLargeError, if a smaller call may succeed.

    With `pass_on` an invalid argument is a person's fault, and becomes an InvalidError with the same reason and fields.
    """
    try:
        yield
    except grpc.RpcError as error:
        code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
        reason, message, faults = _details(error)
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE in message:
            raise StoreTooLargeError("cannot_be_stored", "The call is too large for lead-store.") from error
        if code is grpc.StatusCode.UNAVAILABLE and _NOT_BELIEVED.search(message):
            message = "lead-store shows no certificate of that name and CA: see LEADSYNC_TLS_CA, and its own files."
            raise StoreUnavailableError("tls_failed", message) from error
        if code in _AWAY:
            message = "lead-store does not answer, or asks to come later."
            raise StoreUnavailableError(reason or "store_unavailable", message) from error
        if pass_on and code is grpc.StatusCode.INVALID_ARGUMENT:
            (field, text), *more = faults or [("", message)]
            raise InvalidError(reason or "invalid_argument", text, field=field, more=tuple(more)) from error
        raise StoreRefusedError(f"lead_store_{code.name.lower()}", "lead-store refuses the call.") from error


def _details(error: grpc.RpcError) -> tuple[str, str, list[tuple[str, str]]]:
    """Give lead-store's own reason, e.g. `integration_busy`, its message, and the fields that it names."""
    status = rpc_status.from_call(error) if isinstance(error, grpc.Call) else None
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    _ = status is not None and [detail.Unpack(info) or detail.Unpack(request) for detail in status.details]
    faults = [(fault.field, fault.description) for fault in request.field_violations]
    text = error.details() if isinstance(error, grpc.Call) else ""
    return info.reason, text or "", faults
