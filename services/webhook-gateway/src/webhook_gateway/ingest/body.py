"""Reading the body of a webhook: whole, of bounded size, in bounded time, and not slower than a CRM sends it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from starlette.types import Receive

from webhook_gateway.ingest.admission import MIB, AdmittedRequest
from webhook_gateway.problem import NotKeptError, Problem

MAX_BODY = 10 * MIB
_CLOSE = {"connection": "close"}


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How fast a body has to arrive."""

    seconds: float = 10.0  # for the whole body
    free_seconds: float = 2.0  # in which it may arrive as slowly as it will
    bytes_per_second: int = 8 * 1024  # on average, after that
    check_seconds: float = 0.5  # between two looks at all of them


class BodyReader:
    """Reads bodies in bounded time, with one timer for all: a timer for each took a tenth of the time for a request.

    It lives in one event loop.
    """

    def __init__(self, limits: BodyLimits | None = None) -> None:
        self._limits = limits or BodyLimits()
        self._began: dict[asyncio.Task[Any], tuple[float, AdmittedRequest]] = {}  # in the order in which they began
        self._ended: dict[asyncio.Task[Any], Problem] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, receive: Receive, admitted: AdmittedRequest) -> bytes:
        """Read a body and count its bytes as they come. Raises Problem 400, 408 or 413, or NotKeptError intake_full."""
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._begin(task, admitted)
        try:
            return await _read(receive, admitted)
        except asyncio.CancelledError:
            if (problem := self._ended.get(task)) is not None and not task.uncancel():
                raise problem from None
            raise
        finally:
            admitted.arrived()
            self._began.pop(task, None)
            self._ended.pop(task, None)

    def _begin(self, task: asyncio.Task[Any], admitted: AdmittedRequest) -> None:
        loop = asyncio.get_running_loop()
        self._began[task] = loop.time(), admitted
        admitted.arrives(partial(self._end, task, NotKeptError("intake_full")))
        if self._timer is None:
            self._timer = loop.call_later(self._limits.check_seconds, self._check)

    def _check(self) -> None:
        """End what is too slow, and look again later if anything is left."""
        loop, limits = asyncio.get_running_loop(), self._limits
        for task, (began, admitted) in list(self._began.items()):
            seconds = loop.time() - began
            slow = seconds > limits.free_seconds and admitted.size < limits.bytes_per_second * seconds
            if slow or seconds > limits.seconds:
                self._end(task, Problem(408, "body_timeout", "the body did not arrive in time", headers=_CLOSE))
        self._timer = loop.call_later(limits.check_seconds, self._check) if self._began else None

    def _end(self, task: asyncio.Task[Any], problem: Problem) -> None:
        if self._began.pop(task, None):
            self._ended[task] = problem
            task.cancel()


async def _read(receive: Receive, admitted: AdmittedRequest) -> bytes:
    chunks: list[bytes] = []
    try:
        return await _gathered(receive, admitted, chunks)
    finally:
        chunks.clear()  # the traceback of an exception would keep them


async def _gathered(receive: Receive, admitted: AdmittedRequest, chunks: list[bytes]) -> bytes:
    seen, more = 0, True
    # Some of a too large body is read and dropped, so that its sender reads the answer, not a broken connection.
    while more and seen < 2 * MAX_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "body_incomplete", "the connection ended before the body did")
        chunk, more = message.get("body", b""), message.get("more_body", False)
        seen += len(chunk)
        if seen > MAX_BODY:
            chunks.clear()
        else:
            admitted.grow(len(chunk))
            chunks.append(chunk)
    if seen > MAX_BODY:
        raise too_large(_CLOSE)
    return b"".join(chunks)


def too_large(headers: Mapping[str, str] | None = None) -> Problem:
    """Make the problem of a body that is too large, with these headers."""
    return Problem(413, "body_too_large", f"a body has at most {MAX_BODY} bytes", headers=headers)
