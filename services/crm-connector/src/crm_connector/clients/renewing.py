"""A channel with TLS that goes on with a new certificate when this is renewed, without a restart."""

import threading
from collections.abc import Callable
from typing import Any, NoReturn

import grpc

from crm_connector.tls import Identity, Renewed


class RenewingChannel(grpc.Channel):
    """Calls over a channel that is opened anew when the certificate was renewed; requests are never streams.

    The channel before it stays open until the next renewal, for the calls that it carries.
    """

    def __init__(self, tls: Renewed, connect: Callable[[Identity], grpc.Channel]) -> None:
        self._tls, self._connect, self._lock = tls, connect, threading.Lock()
        self._identity = tls.identity()
        self._channels = [connect(self._identity)]

    def current(self) -> grpc.Channel:
        """Return the channel with the present certificate."""
        identity = self._tls.identity()
        with self._lock:
            if identity is not self._identity:
                *older, last = self._channels
                self._channels = [last, self._connect(identity)]
                self._identity = identity
                for channel in older:
                    channel.close()
            return self._channels[-1]

    def unary_unary(self, *method: Any, **coding: Any) -> Any:
        """Return what calls a method, over the channel of the moment."""
        return _Method(self, lambda channel: channel.unary_unary(*method, **coding))

    def unary_stream(self, *method: Any, **coding: Any) -> Any:
        """Return what calls a method whose answer is a stream; the stream ends with its channel."""
        return _Method(self, lambda channel: channel.unary_stream(*method, **coding))

    def close(self) -> None:
        """Close it, and end its calls."""
        for channel in self._channels:
            channel.close()

    def _unused(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError("nothing of this kind is called")

    stream_unary = stream_stream = subscribe = unsubscribe = _unused

    def __enter__(self) -> "RenewingChannel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Method:
    """One method, looked up again when the channel has changed."""

    def __init__(self, channels: RenewingChannel, look_up: Callable[[grpc.Channel], Any]) -> None:
        self._channels, self._look_up = channels, look_up
        self._found: tuple[grpc.Channel, Any] | None = None

    def _now(self) -> Any:
        channel, found = self._channels.current(), self._found
        if found is None or found[0] is not channel:
            found = self._found = channel, self._look_up(channel)
        return found[1]

    def __call__(self, *request: Any, **options: Any) -> Any:
        return self._now()(*request, **options)

    def with_call(self, *request: Any, **options: Any) -> Any:
        return self._now().with_call(*request, **options)

    def future(self, *request: Any, **options: Any) -> Any:
        return self._now().future(*request, **options)
