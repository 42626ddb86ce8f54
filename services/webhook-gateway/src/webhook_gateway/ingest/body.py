"""Reading the body of a webhook: whole, of bounded size, and in bounded time."""

import asyncio
from typing import Any, cast

from starlette.types import Receive

from webhook_gateway.ingest.admission import MIB, AdmittedRequest
from webhook_gateway.problem import Problem

MAX_BODY = 10 * MIB
BODY_SECONDS = 10.0  # for the whole body to arrive
_CLOSE = {"connection": "close"}


class BodyReader:
    """Reads bodies in bounded time, with one timer for all: a timer for each took a tenth of the time for a request.

    All have the same time, so those that began first are late first. It lives in one event loop.
    """

    def __init__(self, seconds: float = BODY_SECONDS) -> None:
        self._seconds = seconds
        self._due: dict[asyncio.Task[Any], float] = {}  # in the order in which they began
        self._late: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, receive: Receive, admitted: AdmittedRequest) -> bytes:
        """Read a body and count its bytes as they come. Raises Problem 400, 408 or 413, or NotKeptError intake_full."""
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._begin(task)
        try:
            return await _read(receive, admitted)
        except asyncio.CancelledError:
            if task in self._late and not task.uncancel():
                raise Problem(408, "body_timeout", "the body did not arrive in time", headers=_CLOSE) from None
            raise
        finally:
            self._due.pop(task, None)
            self._late.discard(task)

    def _begin(self, task: asyncio.Task[Any]) -> None:
        loop = asyncio.get_running_loop()
        self._due[task] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._timeout)

    def _timeout(self) -> None:
        """Cancel what is late, and set the timer again for what is not."""
        loop = asyncio.get_running_loop()
        self._timer = None
        for task, due in list(self._due.items()):
            if due > loop.time():
                self._timer = loop.call_at(due, self._timeout)
                return
            del self._due[task]
            self._late.add(task)
            task.cancel()


async def _read(receive: Receive, admitted: AdmittedRequest) -> bytes:
    chunks: list[bytes] = []
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
        raise Problem(413, "body_too_large", f"a body has at most {MAX_BODY} bytes", headers=_CLOSE)
    return b"".join(chunks)
