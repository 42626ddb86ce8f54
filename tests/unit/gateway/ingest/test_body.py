import asyncio
from collections.abc import Callable

import pytest
from starlette.types import Message, Receive
from webhook_gateway.ingest.admission import Admission, AdmissionLimits
from webhook_gateway.ingest.body import BodyLimits, BodyReader
from webhook_gateway.problem import NotKeptError, Problem

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


def _sent(*messages: Message) -> Receive:
    """Give these, and then nothing for ever."""
    left = list(messages)

    async def receive() -> Message:
        return left.pop(0) if left else await asyncio.get_running_loop().create_future()

    return receive


def _part(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def _reading(reader: BodyReader, *messages: Message, most: int = 1000) -> "asyncio.Task[bytes]":
    admitted = Admission(AdmissionLimits(bytes=most), lambda: None).admit()
    return asyncio.create_task(reader.read(_sent(*messages), admitted))


async def test_a_body_comes_in_parts() -> None:
    """Its parts are put together in their order, empty ones too."""
    parts = [_part(b"a", more=True), _part(b"", more=True), _part(b"bc", more=False)]
    assert await _reading(BodyReader(), *parts) == b"abc"
    assert await _reading(BodyReader(), {"type": "http.request"}) == b""


async def test_a_body_that_stops_is_given_up() -> None:
    """What has not come whole in time is a 408 that ends the connection, each on its own; what came in time is kept."""
    reader = BodyReader(BodyLimits(seconds=0.02, check_seconds=0.005))
    late = [_reading(reader), _reading(reader, _part(b"a", more=True))]
    assert await _reading(reader, _part(b"a", more=False)) == b"a"
    await asyncio.wait(late)
    later = _reading(reader, _part(b"b", more=True))
    await asyncio.wait([later])
    for task in (*late, later):
        problem = task.exception()
        assert isinstance(problem, Problem)
        assert (problem.status, problem.reason, problem.headers) == (408, "body_timeout", {"connection": "close"})


async def test_a_body_that_trickles_is_given_up() -> None:
    """After a moment a body has to come at some rate on average; one that does, may take its whole time."""
    limits = BodyLimits(seconds=60, free_seconds=0.02, bytes_per_second=1000, check_seconds=0.005)
    reader = BodyReader(limits)
    slow = _reading(reader, _part(b"a", more=True))
    fast = _reading(reader, _part(b"a" * 100_000, more=True), most=200_000)
    await asyncio.wait([slow])
    problem = slow.exception()
    assert isinstance(problem, Problem)
    assert (problem.status, problem.reason) == (408, "body_timeout")
    assert not fast.done()
    fast.cancel()


async def test_a_body_gives_way() -> None:
    """A body that has to give way to another one is refused at once, and what it took up is given back once."""
    admission = Admission(AdmissionLimits(requests=1, bytes=100), lambda: None)
    reader = BodyReader()

    async def receive_with(*messages: Message) -> bytes:
        with admission.admit("a") as admitted:
            return await reader.read(_sent(*messages), admitted)

    first = asyncio.create_task(receive_with(_part(b"a" * 60, more=True)))
    await asyncio.sleep(0)
    second = asyncio.create_task(receive_with(_part(b"b" * 60, more=False)))
    await asyncio.wait([first, second])
    problem = first.exception()
    assert isinstance(problem, NotKeptError)
    assert problem.reason == "intake_full"
    assert second.result() == b"b" * 60
    assert (admission.requests, admission.bytes) == (0, 0)


async def test_a_request_that_is_cancelled_is_no_late_one() -> None:
    """Whoever cancels a request gets a cancelled one, and the timer of the others goes on."""
    reader = BodyReader(BodyLimits(seconds=0.05, check_seconds=0.005))
    cancelled, late = _reading(reader), _reading(reader)
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait([cancelled, late])
    assert cancelled.cancelled()
    assert isinstance(late.exception(), Problem)


@pytest.mark.parametrize(
    ("message", "most", "refused"),
    [
        (
            {"type": "http.disconnect"},
            9,
            lambda error: isinstance(error, Problem) and error.reason == "body_incomplete",
        ),
        (_part(b"0123456789", more=True), 9, lambda error: isinstance(error, NotKeptError)),
    ],
)
async def test_what_ends_a_body(message: Message, most: int, refused: Callable[[BaseException | None], bool]) -> None:
    """A sender that goes away, or has more than there is room for, gets its answer at once."""
    reading = _reading(BodyReader(), message, most=most)
    await asyncio.wait([reading])
    assert refused(reading.exception())
