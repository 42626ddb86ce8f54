import asyncio
from collections.abc import Sequence

import pytest
from webhook_gateway.intake import Delivery, Intake, Limits, NotKeptError, RefusedError
from webhook_gateway.metrics import Metrics
from webhook_gateway.providers.base import ParsedDelivery

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


def _delivery(key: str, size: int = 10) -> Delivery:
    parsed = ParsedDelivery(key, "1", b"x" * size, ("",), (), 1, 0, iter(()))
    return Delivery("hubspot", parsed, {}, 0)


class Recorder:
    """Notes what it is asked to keep, and answers when the gate opens."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.gate = asyncio.Event()
        self.refuse = ""
        self.error: Exception | None = None

    async def __call__(self, deliveries: Sequence[Delivery], _seconds: float) -> list[bool]:
        """Keep, refuse or fail."""
        keys = [item.parsed.delivery_key for item in deliveries]
        self.groups.append(keys)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        if self.refuse in keys:
            raise RefusedError
        return [key.endswith("again") for key in keys]


async def _keep_all(intake: Intake, *keys: str) -> list[list[bool] | BaseException]:
    return await asyncio.gather(*(intake.keep([_delivery(key)]) for key in keys), return_exceptions=True)


async def test_what_arrives_meanwhile_goes_next() -> None:
    """The first goes at once; all that arrives while it is in flight shares the next call, in order."""
    record = Recorder()
    intake = Intake(record, Metrics(), Limits(calls=1))
    tasks = asyncio.create_task(_keep_all(intake, "a", "b", "c-again", "d"))
    while not record.groups:  # noqa: ASYNC110  a loop turn or two
        await asyncio.sleep(0)
    record.gate.set()
    assert await tasks == [[False], [False], [True], [False]]
    assert record.groups == [["a"], ["b", "c-again", "d"]]


async def test_limits_of_a_group() -> None:
    """A call has at most so many deliveries and bytes; a larger one goes alone."""
    record = Recorder()
    record.gate.set()
    limits = Limits(calls=1, group_bytes=5000, group_deliveries=3)
    intake = Intake(record, Metrics(), limits)
    sizes = {"a": 1, "b": 3000, "c": 3000, "d": 9000, "e": 1, "f": 1, "g": 1, "h": 1}
    await asyncio.gather(*(intake.keep([_delivery(key, size)]) for key, size in sizes.items()))
    assert record.groups == [["a"], ["b"], ["c"], ["d"], ["e", "f", "g"], ["h"]]


async def test_one_refused_is_sent_alone() -> None:
    """A group that is refused is sent again one by one, once; only the one at fault fails."""
    record = Recorder()
    record.gate.set()
    record.refuse = "bad"
    intake = Intake(record, Metrics(), Limits(calls=1))
    results = await _keep_all(intake, "first", "a", "bad", "b")
    assert [result if isinstance(result, list) else str(result) for result in results] == [
        [False],
        [False],
        "delivery_refused",
        [False],
    ]
    assert record.groups == [["first"], ["a", "bad", "b"], ["a"], ["bad"], ["b"]]


async def test_who_waited_too_long_is_not_sent() -> None:
    """A delivery whose turn comes too late is refused, since nobody may be told of it in time."""
    record = Recorder()
    intake = Intake(record, Metrics(), Limits(calls=1, queue_seconds=0.2))
    tasks = asyncio.create_task(_keep_all(intake, "a", "b"))
    while not record.groups:  # noqa: ASYNC110  a loop turn or two
        await asyncio.sleep(0)
    await asyncio.sleep(0.25)  # longer than the queue may take
    record.gate.set()
    first, second = await tasks
    assert first == [False]
    assert isinstance(second, NotKeptError)
    assert second.reason == "queue_timeout"
    assert record.groups == [["a"]]


async def test_a_failure_fails_the_group_and_nothing_else() -> None:
    """When a call fails, everybody in it hears so, and the next call is made all the same."""
    record = Recorder()
    record.gate.set()
    record.error = NotKeptError("store_unavailable")
    intake = Intake(record, Metrics(), Limits(calls=1))
    results = await _keep_all(intake, "a", "b")
    assert [str(result) for result in results] == ["store_unavailable"] * 2
    record.error = None
    assert await intake.keep([_delivery("c")]) == [False]


async def test_room_is_bounded_and_given_back() -> None:
    """Too many requests or bytes inside are refused at once; what has left makes room again."""
    intake = Intake(Recorder(), Metrics(), Limits(waiting_requests=1, waiting_bytes=100))
    for _ in range(3):
        with intake.admit() as slot:
            with pytest.raises(NotKeptError), intake.admit():
                pass
            slot.grow(60)
            with pytest.raises(NotKeptError):
                slot.grow(60)
            slot.grow(40)


async def test_close_waits_for_calls() -> None:
    """Closing returns only when everything on the way has been answered."""
    record = Recorder()
    intake = Intake(record, Metrics())
    keeping = asyncio.create_task(intake.keep([_delivery("a")]))
    while not record.groups:  # noqa: ASYNC110  a loop turn or two
        await asyncio.sleep(0)
    closing = asyncio.create_task(intake.close())
    await asyncio.sleep(0)
    assert not closing.done()
    record.gate.set()
    await closing
    assert await keeping == [False]


async def test_a_request_that_goes_away_is_not_sent() -> None:
    """A request that is given up while it waits leaves the queue."""
    record = Recorder()
    intake = Intake(record, Metrics(), Limits(calls=1))
    first = asyncio.create_task(intake.keep([_delivery("a")]))
    while not record.groups:  # noqa: ASYNC110  a loop turn or two
        await asyncio.sleep(0)
    gone = asyncio.create_task(intake.keep([_delivery("gone")]))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait({gone})
    record.gate.set()
    await first
    assert await intake.keep([_delivery("b")]) == [False]
    assert record.groups == [["a"], ["b"]]
