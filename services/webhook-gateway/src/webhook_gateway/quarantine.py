"""Webhooks that could not be verified, on their way to lead-store's quarantine, off the path of those that are good.

Nothing here makes a request wait. What there is no room for is dropped and counted: it was refused, so the CRM sends
it again.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from webhook_gateway.admission import MIB, NotKeptError
from webhook_gateway.metrics import Metrics
from webhook_gateway.reception import WebhookRequest, readable

GROUP_REQUESTS = 100
GROUP_BYTES = 4 * MIB
_MAX_TARGET = 2048


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A request that was refused, whole."""

    provider: str
    target: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    reason: str
    received_at_ms: int

    @property
    def key(self) -> str:
        """Hash of the request: the same one sent twice is one."""
        digest = hashlib.sha256(repr((self.provider, self.target, sorted(self.headers.items()))).encode())
        digest.update(self.body)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Pace:
    """How much may wait here, and how gently it is handed over. A flood must not cost lead-store much. Seconds."""

    requests: int = 500
    bytes: int = 16 * MIB
    between_calls: float = 0.25
    when_full: float = 30.0
    when_away: float = 2.0


# Keeps requests, and says how many there was room for. Raises NotKeptError.
Keeper = Callable[[Sequence[Quarantined]], Awaitable[int]]


class Quarantine:
    """Takes refused requests and hands them over, a group at a time. One per process; lives in one event loop."""

    def __init__(self, keep: Keeper, metrics: Metrics, pace: Pace | None = None) -> None:
        self._keep = keep
        self._count = metrics.quarantine
        self._pace = pace or Pace()
        self._queue: deque[Quarantined] = deque()
        self._bytes = 0
        self._full_until = 0.0
        self._filled = asyncio.Event()
        self._closing = asyncio.Event()

    def offer(self, request: WebhookRequest, reason: str) -> None:
        """Take a request that was refused; one that carries no proof at all can never be verified and is left."""
        proof = request.provider.proof_headers
        if len(request.target) > _MAX_TARGET or not any(name in proof for name, _ in request.headers):
            return
        if asyncio.get_running_loop().time() < self._full_until:
            self._drop(1, "store_full")
        elif len(self._queue) >= self._pace.requests or self._bytes + len(request.body) > self._pace.bytes:
            self._drop(1, "queue_full")
        else:
            self._queue.append(_quarantined(request, reason))
            self._bytes += len(request.body)
            self._filled.set()

    async def run(self) -> None:
        """Hand over until closed, and then once more what is left."""
        while not self._closing.is_set() or self._queue:
            await self._filled.wait()
            self._filled.clear()
            while group := self._next_group():
                await self._hand_over(group)

    def close(self) -> None:
        """Let `run` end as soon as what is left has been tried."""
        self._closing.set()
        self._filled.set()

    def _next_group(self) -> list[Quarantined]:
        group: list[Quarantined] = []
        size = 0
        while self._queue and len(group) < GROUP_REQUESTS and size + len(self._queue[0].body) <= GROUP_BYTES:
            group.append(self._queue.popleft())
            size += len(group[-1].body)
        if not group and self._queue:
            group.append(self._queue.popleft())  # one that is larger than a group goes alone
        return group

    async def _hand_over(self, group: list[Quarantined]) -> None:
        """Have a group kept, however often it takes, then rest a little."""
        while (kept := await self._kept(group)) is None and not self._closing.is_set():
            await self._rest(self._pace.when_away)
        self._bytes -= sum(len(item.body) for item in group)
        if kept is None:
            self._drop(len(group), "store_away")
            return
        self._count.labels("kept").inc(kept)
        if kept < len(group):
            self._drop(len(group) - kept, "store_full")
            self._full_until = asyncio.get_running_loop().time() + self._pace.when_full
        await self._rest(self._pace.between_calls)

    async def _kept(self, group: list[Quarantined]) -> int | None:
        """How many were kept; None if nobody can say."""
        try:
            return await self._keep(group)
        except NotKeptError as error:
            structlog.get_logger().warning("refused webhooks not quarantined", reason=error.reason, requests=len(group))
            return None

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return

    def _drop(self, requests: int, outcome: str) -> None:
        self._count.labels(outcome).inc(requests)


def _quarantined(request: WebhookRequest, reason: str) -> Quarantined:
    provider = request.provider
    headers = readable(request.headers, provider.proof_headers | provider.kept_headers)
    target = request.target.decode("latin-1")
    return Quarantined(provider.slug, target, headers, request.body, reason, request.received_at_ms)
