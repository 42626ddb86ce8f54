"""Requests that could not be verified, on their way to lead-store's quarantine, apart from the path of good ones.

Nothing here delays a request. What does not fit is dropped and counted: it was refused, so the CRM sends it again.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from webhook_gateway.ingest.admission import MIB
from webhook_gateway.ingest.reception import readable
from webhook_gateway.metrics import Metrics
from webhook_gateway.problem import Problem
from webhook_gateway.providers.base import Provider, WebhookRequest

GROUP_REQUESTS = 100
GROUP_BYTES = 4 * MIB
_MAX_TARGET = 2048


@dataclass(frozen=True, slots=True)
class QuarantinedRequest:
    """A whole request that was refused for `reason`."""

    provider: str
    target: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    reason: str
    received_at_ms: int

    @property
    def key(self) -> str:
        """Hash of the request: the same request sent twice has one key."""
        digest = hashlib.sha256(repr((self.provider, self.target, sorted(self.headers.items()))).encode())
        digest.update(self.body)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class QuarantineLimits:
    """How much may wait here, and how many seconds are between calls, so that a flood is little work for lead-store."""

    requests: int = 500
    bytes: int = 16 * MIB
    between_calls: float = 0.25
    when_full: float = 30.0
    when_unavailable: float = 2.0


# Stores requests, and answers for how many of them there was room. Raises Problem.
Storer = Callable[[Sequence[QuarantinedRequest]], Awaitable[int]]


class Quarantine:
    """Takes refused requests and sends them to lead-store in groups. One per process; lives in one event loop."""

    def __init__(self, store: Storer, metrics: Metrics, limits: QuarantineLimits | None = None) -> None:
        self._store_group = store
        self._count = metrics.quarantine
        self._limits = limits or QuarantineLimits()
        self._queue: deque[QuarantinedRequest] = deque()
        self._bytes = 0
        self._full_until = 0.0
        self._filled = asyncio.Event()
        self._closing = asyncio.Event()

    def offer(self, provider: Provider, request: WebhookRequest, reason: str) -> None:
        """Take a request that was refused, unless it carries no proof at all: it could never be verified."""
        if len(request.target) > _MAX_TARGET or not provider.has_proof(request):
            return
        if asyncio.get_running_loop().time() < self._full_until:
            self._drop(1, "store_full")
        elif len(self._queue) >= self._limits.requests or self._bytes + len(request.body) > self._limits.bytes:
            self._drop(1, "queue_full")
        else:
            self._queue.append(_quarantined(provider, request, reason))
            self._bytes += len(request.body)
            self._filled.set()

    async def run(self) -> None:
        """Send until closed, and then try once more what is left."""
        while not self._closing.is_set() or self._queue:
            await self._filled.wait()
            self._filled.clear()
            while group := self._next_group():
                await self._send(group)

    def close(self) -> None:
        """Let `run` end as soon as it has tried what is left."""
        self._closing.set()
        self._filled.set()

    def _next_group(self) -> list[QuarantinedRequest]:
        group: list[QuarantinedRequest] = []
        size = 0
        while self._queue and len(group) < GROUP_REQUESTS and size + len(self._queue[0].body) <= GROUP_BYTES:
            group.append(self._queue.popleft())
            size += len(group[-1].body)
        if not group and self._queue:
            group.append(self._queue.popleft())  # a request larger than a group goes alone
        return group

    async def _send(self, group: list[QuarantinedRequest]) -> None:
        """Send a group until it is stored, then pause a little."""
        while (kept := await self._stored(group)) is None and not self._closing.is_set():
            await self._pause(self._limits.when_unavailable)
        self._bytes -= sum(len(item.body) for item in group)
        if kept is None:
            self._drop(len(group), "store_away")
            return
        self._count.labels("kept").inc(kept)
        if kept < len(group):
            self._drop(len(group) - kept, "store_full")
            self._full_until = asyncio.get_running_loop().time() + self._limits.when_full
        await self._pause(self._limits.between_calls)

    async def _stored(self, group: list[QuarantinedRequest]) -> int | None:
        """How many were stored; None if lead-store did not say."""
        try:
            return await self._store_group(group)
        except Problem as problem:
            log = structlog.get_logger()
            log.warning("refused webhooks not quarantined", reason=problem.reason, requests=len(group))
            return None

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return

    def _drop(self, requests: int, outcome: str) -> None:
        self._count.labels(outcome).inc(requests)


def _quarantined(provider: Provider, request: WebhookRequest, reason: str) -> QuarantinedRequest:
    headers = readable(request.headers, provider.proof_headers | provider.kept_headers)
    target = request.target.decode("latin-1")
    return QuarantinedRequest(provider.slug, target, headers, request.body, reason, request.received_at_ms)
