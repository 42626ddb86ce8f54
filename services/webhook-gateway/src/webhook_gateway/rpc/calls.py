"""How services are called: always with a deadline, and with one kind of error."""

import json
from collections.abc import Awaitable
from typing import Protocol, TypeVar

import grpc

from webhook_gateway.rpc.errors import from_rpc_error
from webhook_gateway.rpc.renewing import RenewingChannel
from webhook_gateway.tls import Identity, Renewed, needed

Req_contra = TypeVar("Req_contra", contravariant=True)
Res_co = TypeVar("Res_co", covariant=True)

# Calls that may be repeated: when a process of the service goes away, another one is called. All of the inbox's may.
_REPEATABLE = {
    "leadsync.inbox.v1.InboxService": ("",),
    "leadsync.lead.v1.LeadService": ("GetLead", "ListLeads", "ExplainLead"),
    "leadsync.lead.v1.LeadFieldService": ("GetLeadField", "ListLeadFields"),
    "leadsync.sync.v1.ConflictService": ("ListConflicts",),
    "leadsync.sync.v1.MatchService": ("ListMatches", "ListDuplicates"),
    "leadsync.sync.v1.WorkService": ("GetSyncStatus", "ListWork"),
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
    "retryThrottling": {"maxTokens": 20, "tokenRatio": 0.1},  # while most calls fail, none is repeated
}
# Reconnect soon after a restart; a message can hold a whole webhook.
_OPTIONS = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.dns_min_time_between_resolutions_ms", 5000),
    ("grpc.per_rpc_retry_buffer_size", 8 * 1024 * 1024),  # a group commit is kept for the second try
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_send_message_length", 32 * 1024 * 1024),
    ("grpc.max_receive_message_length", 32 * 1024 * 1024),
)


class Method(Protocol[Req_contra, Res_co]):
    """A unary method of a generated async stub."""

    def __call__(self, request: Req_contra, *, timeout: float) -> Awaitable[Res_co]:
        """Start the call."""
        ...


def open_channel(address: str, service: str = "", tls: Renewed | None = None) -> grpc.aio.Channel:
    """Make a channel inside the running event loop; it connects by itself and as often as needed.

    `address` may stand for several processes, which are called in turn. With `tls` each of them has to show a
    certificate with the name of the service, at whatever address it is.
    """
    if tls is None:
        return grpc.aio.insecure_channel(address, options=_OPTIONS)
    options = (*_OPTIONS, ("grpc.ssl_target_name_override", service))

    def connect(identity: Identity) -> grpc.aio.Channel:
        shown = grpc.ssl_channel_credentials(identity.ca, identity.key, identity.certificate)
        return grpc.aio.secure_channel(address, shown, options=options)

    return RenewingChannel(tls, connect)


def is_away(target: str) -> bool:
    """Whether a target as gRPC names it is, or may be, on another machine."""
    if target.startswith("unix:"):
        return False
    addresses = target.removeprefix("ipv4:").removeprefix("ipv6:").split(",")
    return any(needed(address.rpartition(":")[0]) for address in addresses)


class Client:
    """Calls methods of one service."""

    service = "store"  # as in the reason `store_unavailable`
    seconds = 5.0  # deadline of a call, which takes one look into a database

    async def call(self, method: Method[Req_contra, Res_co], request: Req_contra, seconds: float = 0.0) -> Res_co:
        """Call and wait. Raises ServiceProblem."""
        try:
            return await method(request, timeout=seconds or self.seconds)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, self.service) from error
