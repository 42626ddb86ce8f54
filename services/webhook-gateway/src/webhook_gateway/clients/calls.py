"""One way to call a service: with a deadline always, and with one kind of error."""

from collections.abc import Awaitable
from typing import Protocol, TypeVar

import grpc

from webhook_gateway.clients.errors import from_rpc_error

Req_contra = TypeVar("Req_contra", contravariant=True)
Res_co = TypeVar("Res_co", covariant=True)

QUICK_SECONDS = 5.0  # one look into a database
SLOW_SECONDS = 30.0  # a CRM is called meanwhile

# Reconnect soon after a restart, and notice a peer that is gone; a message can hold a whole webhook.
_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_send_message_length", 32 * 1024 * 1024),
    ("grpc.max_receive_message_length", 32 * 1024 * 1024),
    ("grpc.enable_retries", 0),
)


class Method(Protocol[Req_contra, Res_co]):
    """A unary method of a generated async stub."""

    def __call__(self, request: Req_contra, *, timeout: float) -> Awaitable[Res_co]:
        """Start the call."""
        ...


def open_channel(address: str) -> grpc.aio.Channel:
    """Make a channel inside the running event loop; it connects by itself and as often as needed."""
    return grpc.aio.insecure_channel(address, options=_OPTIONS)


async def call(
    method: Method[Req_contra, Res_co], request: Req_contra, *, service: str, seconds: float = QUICK_SECONDS
) -> Res_co:
    """Call and wait. Raises RemoteError."""
    try:
        return await method(request, timeout=seconds)
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error, service) from error
