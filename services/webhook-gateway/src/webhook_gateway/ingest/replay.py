"""Verifying quarantined requests again, after a secret or the public URL was corrected."""

import asyncio
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

import structlog

from webhook_gateway.ingest.intake import Intake
from webhook_gateway.ingest.quarantine import QuarantinedRequest
from webhook_gateway.ingest.quarantine_store import QuarantineStore
from webhook_gateway.ingest.reception import Reception
from webhook_gateway.problem import NotKeptError, Problem
from webhook_gateway.providers.base import Registry, WebhookRequest

RUN_SECONDS = 15.0  # then it answers; what is left is for the next run


class Replayed(NamedTuple):
    """What came of a replay, in requests."""

    kept: int
    refused: int
    left: int  # not tried, or not kept yet


class _Result(Enum):
    KEPT = "kept"
    REFUSED = "refused"
    LEFT = "left"


class QuarantineReplay:
    """Verifies quarantined requests with the present secrets, as of when they arrived, and keeps those that pass.

    A request leaves the quarantine only once its events are durable. After a crash in between, or when two replays run
    at once, its events are kept twice, and the inbox counts the second time as a duplicate.
    """

    def __init__(self, store: QuarantineStore, intake: Intake, reception: Reception, registry: Registry) -> None:
        self._store = store
        self._intake = intake
        self._reception = reception
        self._registry = registry

    async def run(self) -> Replayed:
        """Go through the quarantine, oldest first, for some seconds at most. Raises ServiceProblem."""
        clock = asyncio.get_running_loop().time
        end = clock() + RUN_SECONDS
        size = await self._store.size()
        results = dict.fromkeys(_Result, 0)
        token, more = "", True
        while more:
            page, token = await self._store.page(token)
            for result in await self._replay_page(page):
                results[result] += 1
            more = bool(token) and clock() < end and not results[_Result.LEFT]
        tried = sum(results.values())
        left = results[_Result.LEFT] + (max(0, size - tried) if token else 0)
        structlog.get_logger().info("quarantine verified again", verified=results[_Result.KEPT], left=left)
        return Replayed(results[_Result.KEPT], results[_Result.REFUSED], left)

    async def _replay_page(self, page: Sequence[tuple[str, QuarantinedRequest]]) -> list[_Result]:
        results = await asyncio.gather(*(self._replay(item) for _, item in page))
        kept = [key for (key, _), result in zip(page, results, strict=True) if result is _Result.KEPT]
        if kept:
            await self._store.forget(kept)
        return results

    async def _replay(self, item: QuarantinedRequest) -> _Result:
        provider = self._registry.get(item.provider)
        if provider is None:
            return _Result.REFUSED
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in item.headers.items()]
        request = WebhookRequest(item.target.encode("latin-1"), headers, item.body, item.received_at_ms)
        try:
            with self._intake.admit() as admitted:
                admitted.grow(len(item.body))
                await self._reception.receive(provider, request, admitted)
        except NotKeptError:
            return _Result.LEFT
        except Problem:  # still not verified, or not readable
            return _Result.REFUSED
        return _Result.KEPT
