import asyncio
from collections.abc import Sequence

import pytest
from webhook_gateway.ingest.intake import DELIVERY_REFUSED, CallLimits, Delivery, Intake
from webhook_gateway.metrics import Metrics
from webhook_gateway.problem import NotKeptError
from webhook_gateway.providers.base import ParsedDelivery

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


def _delivery(key: str, size: int = 10, account: str = "1") -> Delivery:
    parsed = ParsedDelivery(key, account, b"x" * size, ("",), (), 1, 0, 0)
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
            raise NotKeptError(DELIVERY_REFUSED)
        return [key.endswith("again") for key in keys]


async def _keep(intake: Intake, delivery: Delivery) -> list[bool]:
    with intake.admit() as admitted:
        return await intake.keep([delivery], admitted)


async def _keep_all(intake: Intake, *keys: str) -> list[list[bool] | BaseException]:
    return await asyncio.gather(*(_keep(intake, _delivery(key)) for key in keys), return_exceptions=True)


def _reason(result: list[bool] | BaseException) -> str:
    assert isinstance(result, NotKeptError)
    return result.reason


async def test_what_arrives_meanwhile_goes_next() -> None:
    """The first goes at once; all that arrives while it is in flight shares the next call, in order."""
    record = Recorder()
    intake = Intake(record, Metrics(), calls=CallLimits(calls=1))
    tasks = asyncio.create_task(_keep_all(intake, "a", "b", "c-again", "d"))
    while not record.groups:  # noqa: ASYNC110  a loop turn or two
        await asyncio.sleep(0)
    record.gate.set()
    assert await tasks == [[False], [False], [True], [False]]
    assert record.groups == [["a"], ["b", "c-again", "d"]]


async def test_a_second_call_goes_only_for_many() -> None:
    """While one call is under way, a few wait for it; so many that a call of their own pays do not."""
    record = Recorder()
    intake = Intake(record, Metrics(), calls=CallLimits(second_call=3))
    first = asyncio.create_task(_keep_all(intake, "a", "b", "c"))
    await _wait_for_calls(record, 1)
    assert record.groups == [["a"]]
    second = asyncio.create_task(_keep_all(intake, "d"))
    await _wait_for_calls(record, 2)
    assert record.groups == [["a"], ["b", "c", "d"]]
    record.gate.set()
    await asyncio.gather(first, second)


async def test_a_second_call_is_as_large_as_the_one_under_way() -> None:
    """Beside a call of three no call of two goes, so groups grow with the load."""
    record = Recorder()
    intake = Intake(record, Metrics(), calls=CallLimits(second_call=1))
    with intake.admit() as admitted:
        large = asyncio.create_task(intake.keep([_delivery(key) for key in "abc"], admitted))
        await _wait_for_calls(record, 1)
        two = asyncio.create_task(_keep_all(intake, "d", "e"))
        one = asyncio.create_task(_keep_all(intake, "f"))
        await _wait_for_calls(record, 2)
        record.gate.set()
        await asyncio.gather(large, two, one)
    assert record.groups == [["a", "b", "c"], ["d", "e", "f"]]


async def test_a_call_that_hangs_is_not_waited_for() -> None:
    """After a moment those that wait go by another call: one process that hangs does not hold up all."""
    record = Recorder()
    intake = Intake(record, Metrics(), calls=CallLimits(slow_seconds=0.01))
    tasks = asyncio.create_task(_keep_all(intake, "a", "b"))
    await _wait_for_calls(record, 2)
    assert record.groups == [["a"], ["b"]]
    record.gate.set()
    assert await tasks == [[False], [False]]


async def test_limits_of_a_group() -> None:
    """A call has at most so many deliveries and bytes; a larger one goes alone."""
    record = Recorder()
    record.gate.set()
    limits = CallLimits(calls=1, group_bytes=5000, group_deliveries=3)
    intake = Intake(record, Metrics(), calls=limits)
    sizes = {"a": 1, "b": 3000, "c": 3000, "d": 9000, "e": 1, "f": 1, "g": 1, "h": 1}
    await asyncio.gather(*(_keep(intake, _delivery(key, size)) for key, size in sizes.items()))
    assert record.groups == [["a"], ["b"], ["c"], ["d"], ["e", "f", "g"], ["h"]]


async def test_one_refused_is_sent_alone() -> None:
    """A group that is refused is sent again one by one, once; only the one at fault fails."""
    record = Recorder()
    record.gate.set()
    record.refuse = "bad"
    intake = Intake(record, Metrics(), calls=CallLimits(calls=1))
    results = await _keep_all(intake, "first", "a", "bad", "b")
    assert [result if isinstance(result, list) else _reason(result) for result in results] == [
        [False],
        [False],
        "delivery_refused",
        [False],
    ]
    assert record.groups == [["first"], ["a", "bad", "b"], ["a"], ["bad"], ["b"]]


async def test_who_waited_too_long_is_not_sent() -> None:
    """A delivery whose turn comes too late is refused, since its answer would come too late."""
    record = Recorder()
    intake = Intake(record, Metrics(), calls=CallLimits(calls=1, queue_seconds=0.2))
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
    """When a call fails, all deliveries in it fail with its reason, and the next call is made all the same."""
    record = Recorder()
    record.gate.set()
    record.error = NotKeptError("contended")
    intake = Intake(record, Metrics(), calls=CallLimits(calls=1))
    results = await _keep_all(intake, "a", "b")
    assert [_reason(result) for result in results] == ["contended"] * 2
    record.error = None
    assert await _keep(intake, _delivery("c")) == [False]


async def _wait_for_calls(record: Recorder, number: int) -> None:
    while len(record.groups) < number:  # noqa: ASYNC110  a loop turn or two
        await asyncio.sleep(0)


async def test_accounts_take_turns() -> None:
    """An account's backlog does not keep the delivery of another one waiting: it goes with the very next call (L9)."""
    record = Recorder()
    intake = Intake(record, Metrics(), calls=CallLimits(calls=1, group_deliveries=4))
    flood = asyncio.create_task(_keep_all(intake, *map(str, range(12))))
    await _wait_for_calls(record, 1)
    other = asyncio.create_task(_keep(intake, _delivery("other", account="2")))
    await asyncio.sleep(0)
    record.gate.set()
    assert await other == [False]
    await flood
    assert record.groups[:3] == [["0"], ["1", "other", "2", "3"], ["4", "5", "6", "7"]]


async def test_a_store_that_is_away_is_left_alone() -> None:
    """After two calls without an answer all are refused at once, those that wait too; then one probe goes at a time."""
    record, metrics = Recorder(), Metrics()
    intake = Intake(record, metrics, calls=CallLimits(second_call=1, group_deliveries=1))
    record.error = NotKeptError("deadline_exceeded")
    tasks = asyncio.create_task(_keep_all(intake, "a", "b", "c", "d"))
    await _wait_for_calls(record, 2)
    record.gate.set()
    assert sorted(_reason(result) for result in await tasks) == ["deadline_exceeded"] * 2 + ["store_unavailable"] * 2
    assert metrics.registry.get_sample_value("leadsync_gateway_breaker_open") == 1
    with pytest.raises(NotKeptError):
        intake.admit()
    assert len(record.groups) == 2
    record.error = None
    record.gate.clear()
    async with asyncio.timeout(10):
        while True:
            try:
                with intake.admit() as admitted:
                    probe = asyncio.create_task(intake.keep([_delivery("probe")], admitted))
                    await _wait_for_calls(record, 3)
                    assert await _keep_all(intake, "meanwhile") != [[False]]
                    record.gate.set()
                    assert await probe == [False]
                break
            except NotKeptError:
                await asyncio.sleep(0.01)
    assert record.groups[2:] == [["probe"]]
    assert metrics.registry.get_sample_value("leadsync_gateway_breaker_open") == 0
    assert await _keep_all(intake, "after") == [[False]]


async def test_an_answer_is_an_answer() -> None:
    """A store that refuses or fails calls is there: nothing is held back for that."""
    record = Recorder()
    record.gate.set()
    record.error = NotKeptError("contended")
    intake = Intake(record, Metrics())
    for _ in range(5):
        assert [_reason(result) for result in await _keep_all(intake, "a")] == ["contended"]
    record.error = None
    assert await _keep_all(intake, "a") == [[False]]


async def test_close_waits_for_calls() -> None:
    """Closing returns only when everything on the way has been answered."""
    record = Recorder()
    intake = Intake(record, Metrics())
    keeping = asyncio.create_task(_keep(intake, _delivery("a")))
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
    intake = Intake(record, Metrics(), calls=CallLimits(calls=1))
    first = asyncio.create_task(_keep(intake, _delivery("a")))
    while not record.groups:  # noqa: ASYNC110  a loop turn or two
        await asyncio.sleep(0)
    gone = asyncio.create_task(_keep(intake, _delivery("gone")))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait({gone})
    record.gate.set()
    await first
    assert await _keep(intake, _delivery("b")) == [False]
    assert record.groups == [["a"], ["b"]]
