"""The channel to lead-store, and its refusals as our errors."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from crm_connector.domain.errors import StoreRefusedError, StoreUnavailableError

_AWAY = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNKNOWN,
}
_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
# Calls that may be made twice, and that nobody repeats later: when a process of lead-store goes away, another one is
# asked. All processes are asked in turn.
_REPEATABLE = {
    "leadsync.lead.v1.LeadService": ("ListLeads",),
    "leadsync.sync.v1.SyncService": ("ListWork", "PlanLeads", "PlanRecords", "ReleaseWork", "SettleWrites"),
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


def open_channel(target: str) -> grpc.Channel:
    """Open a channel to lead-store, which may be several processes; nothing is sent yet."""
    return grpc.insecure_channel(
        target,
        options=[
            ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
            ("grpc.dns_min_time_between_resolutions_ms", 5_000),
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            ("grpc.keepalive_time_ms", 60_000),
        ],
    )


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Tell a lead-store that is not there, where the same call may be repeated, from one that refuses the call."""
    try:
        yield
    except grpc.RpcError as error:
        code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
        if code in _AWAY:
            raise StoreUnavailableError(_reason(error), "lead-store does not answer, or asks to come later.") from error
        raise StoreRefusedError(f"lead_store_{code.name.lower()}", "lead-store refuses the call.") from error


def _reason(error: grpc.RpcError) -> str:
    """Give lead-store's own reason for not answering, e.g. `integration_busy`."""
    status = rpc_status.from_call(error) if isinstance(error, grpc.Call) else None
    info = error_details_pb2.ErrorInfo()
    _ = status is not None and any(detail.Unpack(info) for detail in status.details)
    return str(info.reason) or "store_unavailable"
