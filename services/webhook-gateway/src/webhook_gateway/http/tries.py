"""Callers whose tokens are not genuine, by address: after some tries, each further one is answered later.

Nobody is locked out: who has a genuine token is never slowed, also behind a proxy that a guesser uses as well.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from webhook_gateway.problem import Problem

FREE_TRIES = 10  # at once; one more comes back each second
STEP_SECONDS = 0.1  # each further try waits so much longer
MOST_SECONDS = 2.0
MOST_WAITING = 16  # tries of one address; more are refused at once
MOST_ADDRESSES = 10_000  # then the one that has failed longest ago is forgotten


class FailedTries:
    """Slows failed tries down."""

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._tries: OrderedDict[str, tuple[float, float]] = OrderedDict()  # how many, as of when
        self._waiting: dict[str, int] = {}

    async def failed(self, address: str) -> None:
        """Count a failed try, and wait before it is answered. Raises Problem 429 if too many of an address wait."""
        seconds = self._count(address)
        if not seconds:
            return
        waiting = self._waiting.get(address, 0)
        if waiting >= MOST_WAITING:
            wait = {"retry-after": str(round(MOST_SECONDS))}
            raise Problem(429, "too_many_tries", "too many tokens from this address were not genuine", headers=wait)
        self._waiting[address] = waiting + 1
        try:
            await self._sleep(seconds)
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]

    def _count(self, address: str) -> float:
        """Count a try; answers how long it has to wait."""
        now = self._clock()
        tries, as_of = self._tries.pop(address, (0.0, now))
        tries = max(0.0, tries - (now - as_of)) + 1
        self._tries[address] = tries, now
        if len(self._tries) > MOST_ADDRESSES:
            self._tries.popitem(last=False)
        return min(MOST_SECONDS, max(0.0, (tries - FREE_TRIES) * STEP_SECONDS))
