"""A gRPC server between a client and lead-store that refuses the first call of each method, as a restart would."""

from __future__ import annotations  # the stubs of grpc have generic types that do not exist at run time

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any

import grpc

STREAM = "/leadsync.lead.v1.LeadService/WatchLeads"


class UnreliableRelay(grpc.GenericRpcHandler):
    """Passes calls on as bytes, the first one of each method excepted. The first watch breaks off after an answer."""

    def __init__(self, target: grpc.Channel) -> None:
        self.calls: Counter[str] = Counter()
        self._target = target

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Give the handler of any method."""
        method = handler_call_details.method
        self.calls[method] += 1
        count = self.calls[method]
        if method == STREAM:
            return grpc.unary_stream_rpc_method_handler(lambda request, call: self._stream(request, call, count))
        return grpc.unary_unary_rpc_method_handler(lambda request, call: self._answer(method, request, call, count))

    def _answer(self, method: str, request: bytes, call: grpc.ServicerContext, count: int) -> bytes:
        if count == 1:
            call.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        try:
            passed_on: Any = self._target.unary_unary(method)
            answer: bytes = passed_on(request, timeout=60)
        except grpc.RpcError as error:
            _refuse(call, error)
        return answer

    def _stream(self, request: bytes, call: grpc.ServicerContext, count: int) -> Iterator[bytes]:
        if count == 1:
            call.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        passed_on: Any = self._target.unary_stream(STREAM)  # the stubs know no bytes
        watch = passed_on(request)
        call.add_callback(watch.cancel)
        try:
            yield from islice(watch, 1 if count == 2 else None)
        except grpc.RpcError as error:
            _refuse(call, error)
        call.abort(grpc.StatusCode.UNAVAILABLE, "the watch has broken off")


@contextmanager
def unreliable_relay(
    address: str, credentials: grpc.ServerCredentials | None = None
) -> Iterator[tuple[str, Counter[str]]]:
    """Run a relay to this address; gives its own address, and how often each method was called.

    With `credentials` callers have to use TLS.
    """
    with grpc.insecure_channel(address) as target:
        relay, server = UnreliableRelay(target), grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((relay,))
        own = "127.0.0.1:0"
        port = server.add_secure_port(own, credentials) if credentials else server.add_insecure_port(own)
        server.start()
        try:
            yield f"127.0.0.1:{port}", relay.calls
        finally:
            server.stop(None).wait()


def _refuse(call: grpc.ServicerContext, error: Any) -> None:
    call.set_trailing_metadata(error.trailing_metadata())
    call.abort(error.code(), error.details())
