import asyncio

import pytest
from webhook_gateway.http.tries import FREE_TRIES, MOST_ADDRESSES, MOST_SECONDS, MOST_WAITING, STEP_SECONDS, FailedTries
from webhook_gateway.problem import Problem

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


class _Time:
    """A clock that is set by hand, and what was slept on it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.gate: asyncio.Event | None = None

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        if self.gate:
            await self.gate.wait()


async def test_each_further_try_waits_longer() -> None:
    """Some tries are free, the others wait up to a bound; time forgives, and no other address is slowed."""
    time = _Time()
    tries = FailedTries(lambda: time.now, time.sleep)
    for _ in range(FREE_TRIES + 3):
        await tries.failed("a")
    await tries.failed("b")
    assert time.slept == [round(STEP_SECONDS * n, 6) for n in (1, 2, 3)]
    for _ in range(100):
        await tries.failed("a")
    assert time.slept[-1] == MOST_SECONDS
    time.now += 1000
    time.slept.clear()
    await tries.failed("a")
    assert time.slept == []


async def test_only_some_tries_of_an_address_wait() -> None:
    """A flood of wrong tokens is refused at once, so that it holds nothing; when the waits end, others may wait."""
    time = _Time()
    time.gate = asyncio.Event()
    tries = FailedTries(lambda: time.now, time.sleep)
    for _ in range(FREE_TRIES):
        await tries.failed("a")
    waiting = [asyncio.create_task(tries.failed("a")) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Problem, match="429 too_many_tries"):
        await tries.failed("a")
    time.gate.set()
    await asyncio.gather(*waiting)
    await tries.failed("a")


async def test_addresses_are_bounded() -> None:
    """Of too many addresses, the one that has failed longest ago is forgotten."""
    time = _Time()
    tries = FailedTries(lambda: time.now, time.sleep)
    for _ in range(FREE_TRIES):
        await tries.failed("first")
    for number in range(MOST_ADDRESSES):
        await tries.failed(str(number))
    await tries.failed("first")
    assert time.slept == []
