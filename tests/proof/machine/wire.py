"""gRPC without a network: real requests, handlers and statuses, called straight through, with faults on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import grpc
from lead_store.rpc.errors import ErrorInterceptor
from proof.machine.faults import Died, Faults, Kind, Process, Site


class Aborted(Exception):  # noqa: N818 - the handler has said all there is to say
    """A handler ended a call with a status."""

    def __init__(self, status: Any) -> None:
        super().__init__(status.details)
        self.status = status


class Refusal(grpc.RpcError, grpc.Call):
    """What a client sees of a call that failed."""

    def __init__(self, code: grpc.StatusCode, details: str = "", metadata: Any = ()) -> None:
        super().__init__(details)
        self._code, self._details, self._metadata = code, details, metadata

    def code(self) -> grpc.StatusCode:
        """Its status."""
        return self._code

    def details(self) -> str:
        """Its text."""
        return self._details

    def trailing_metadata(self) -> Any:
        """Where its reason travels."""
        return self._metadata

    def initial_metadata(self) -> Any:
        """Nothing."""
        return ()

    def is_active(self) -> bool:
        """It is over."""
        return False

    def time_remaining(self) -> float:
        """It is over."""
        return 0.0

    def cancel(self) -> bool:
        """It is over."""
        return False

    def add_callback(self, callback: Any) -> bool:  # noqa: ARG002
        """It is over."""
        return False


class Context:
    """What a handler knows of its caller."""

    def abort_with_status(self, status: Any) -> None:
        """End the call."""
        raise Aborted(status)

    def code(self) -> None:
        """No status has been set."""

    def is_active(self) -> bool:
        """The caller waits."""
        return True


class Details(NamedTuple):
    """Which method is called."""

    method: str
    invocation_metadata: tuple[()] = ()


class Server:
    """Takes servicers as a server does. `died` puts another process in the place of one that has gone."""

    def __init__(self, died: Callable[[Died], None]) -> None:
        self._handlers: list[Any] = []
        self._died = died

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """Take a service."""
        self._handlers += handlers

    def add_registered_method_handlers(self, service: str, handlers: Any) -> None:
        """The same service once more."""

    def answer(self, method: str, wire: bytes) -> bytes:
        """Answer one request, or raise what the client sees."""
        handler = ErrorInterceptor().intercept_service(self._find, Details(method))  # type: ignore[arg-type]
        assert handler is not None
        assert handler.unary_unary is not None
        request = handler.request_deserializer(wire) if handler.request_deserializer else None
        try:
            answer = handler.unary_unary(request, cast("grpc.ServicerContext", Context()))
        except Aborted as gone:
            raise Refusal(gone.status.code, gone.status.details, gone.status.trailing_metadata) from gone
        except Died as gone:
            self._died(gone)
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "the process has gone") from None
        return bytes(handler.response_serializer(answer)) if handler.response_serializer else b""

    def _find(self, details: Any) -> Any:
        found = (handler.service(details) for handler in self._handlers)
        return next((one for one in found if one is not None), None)


class Channel:
    """Stands for a channel of one process; `server` gives the server that is up."""

    def __init__(self, server: Callable[[], Server], process: Process, faults: Faults) -> None:
        self._server, self._process, self._faults = server, process, faults

    def unary_unary(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool = False,
    ) -> Method:
        """One method."""

        def call(request: Any) -> Any:
            return response_deserializer(self._call(method, request_serializer(request)))

        return Method(call)

    def unary_stream(self, *_: Any, **__: Any) -> None:
        """Nobody watches here."""

    def _call(self, method: str, wire: bytes) -> bytes:
        self._process.check()
        fault = self._faults.due(Site.RPC)
        if fault is not None and fault.kind is Kind.LOST_BEFORE:
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "the request was lost")
        answer = self._faults.around(fault, self._process, lambda: self._server().answer(method, wire))
        if fault is not None and fault.kind is Kind.LOST_AFTER:
            raise Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "the answer was lost")
        return answer


class Method:
    """A method of a stub, called at once or as a future."""

    def __init__(self, call: Callable[[Any], Any]) -> None:
        self._call = call

    def __call__(self, request: Any, timeout: float | None = None) -> Any:  # noqa: ARG002
        """Call it."""
        return self._call(request)

    def future(self, request: Any, timeout: float | None = None) -> Method:  # noqa: ARG002
        """Call it when the result is asked for."""
        return Method(lambda _: self._call(request))

    def result(self) -> Any:
        """What came of it."""
        return self._call(None)

    def cancel(self) -> None:
        """Nothing is under way."""
