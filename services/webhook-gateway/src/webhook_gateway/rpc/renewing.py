"""A channel with TLS that goes on with a new certificate when this is renewed, without a restart."""

from __future__ import annotations  # the stubs of grpc have generic types that do not exist at run time

from collections.abc import Callable
from typing import Any, NoReturn, Self

import grpc

from webhook_gateway.tls import Identity, Renewed


class RenewingChannel(grpc.aio.Channel):
    """Calls over a channel that is opened anew when the certificate was renewed; requests are never streams.

    The channel before it stays open until the next renewal, for the calls that it carries.
    """

    def __init__(self, tls: Renewed, connect: Callable[[Identity], grpc.aio.Channel]) -> None:
        self._tls, self._connect = tls, connect
        self._identity = tls.identity()
        self._channels = [connect(self._identity)]

    def current(self) -> grpc.aio.Channel:
        """Return the channel with the present certificate."""
        identity = self._tls.identity()
        if identity is not self._identity:
            self._channels = [self._channels[-1], self._connect(identity)]  # one without owner closes by itself
            self._identity = identity
        return self._channels[-1]

    def unary_unary(self, *method: Any, **coding: Any) -> Any:
        """Return what calls a method, over the channel of the moment."""
        return _Method(self, lambda channel: channel.unary_unary(*method, **coding))

    def unary_stream(self, *method: Any, **coding: Any) -> Any:
        """Return what calls a method whose answer is a stream; the stream ends with its channel."""
        return _Method(self, lambda channel: channel.unary_stream(*method, **coding))

    async def close(self, grace: float | None = None) -> None:
        """Close it; calls under way have so many seconds to end."""
        for channel in self._channels:
            await channel.close(grace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _unused(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError("nothing of this kind is called")

    stream_unary = stream_stream = get_state = wait_for_state_change = channel_ready = _unused


class _Method:
    """One method, looked up again when the channel has changed."""

    def __init__(self, channels: RenewingChannel, look_up: Callable[[grpc.aio.Channel], Any]) -> None:
        self._channels, self._look_up = channels, look_up
        self._found: tuple[grpc.aio.Channel, Any] | None = None

    def __call__(self, *request: Any, **options: Any) -> Any:
        channel, found = self._channels.current(), self._found
        if found is None or found[0] is not channel:
            found = self._found = channel, self._look_up(channel)
        return found[1](*request, **options)
