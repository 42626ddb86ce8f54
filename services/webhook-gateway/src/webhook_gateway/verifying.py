"""A second look at the quarantine, after a secret or the public URL was mended."""

import asyncio
from collections.abc import Sequence
from enum import Enum

import structlog

from webhook_gateway.admission import NotKeptError
from webhook_gateway.clients.quarantine import QuarantineClient
from webhook_gateway.model.quarantine import VerifiedAgain
from webhook_gateway.providers.base import Registry, UnreadableBodyError
from webhook_gateway.quarantine import Quarantined
from webhook_gateway.reception import DisbelievedError, Reception, WebhookRequest

RUN_SECONDS = 15.0  # then it answers; what is left is for the next run


class _Result(Enum):
    KEPT = "kept"
    REFUSED = "refused"
    LATER = "later"


class SecondLook:
    """Verifies quarantined requests with the present secrets, as of when they arrived, and keeps those that pass.

    A request is forgotten only once its events are durable. After a crash between, or when two look at once, it is kept
    again, which the inbox knows for a duplicate.
    """

    def __init__(self, client: QuarantineClient, reception: Reception, registry: Registry) -> None:
        self._client = client
        self._reception = reception
        self._registry = registry

    async def verify_again(self) -> VerifiedAgain:
        """Go through the quarantine, oldest first, for some seconds at most. Raises RemoteError."""
        clock = asyncio.get_running_loop().time
        end = clock() + RUN_SECONDS
        waiting = (await self._client.get_quarantine()).requests
        results = dict.fromkeys(_Result, 0)
        token, more = "", True
        while more:
            page, token = await self._client.page(token)
            for result in await self._look_at(page):
                results[result] += 1
            more = bool(token) and clock() < end and not results[_Result.LATER]
        seen = sum(results.values())
        left = results[_Result.LATER] + (max(0, waiting - seen) if token else 0)
        structlog.get_logger().info("quarantine verified again", verified=results[_Result.KEPT], left=left)
        return VerifiedAgain(results[_Result.KEPT], results[_Result.REFUSED], left)

    async def _look_at(self, page: Sequence[tuple[str, Quarantined]]) -> list[_Result]:
        results = await asyncio.gather(*(self._again(item) for _, item in page))
        kept = [key for (key, _), result in zip(page, results, strict=True) if result is _Result.KEPT]
        if kept:
            await self._client.forget(kept)
        return results

    async def _again(self, item: Quarantined) -> _Result:
        provider = self._registry.get(item.provider)
        if provider is None:
            return _Result.REFUSED
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in item.headers.items()]
        target = item.target.encode("latin-1")
        request = WebhookRequest(provider, target, headers, item.body, item.received_at_ms)
        try:
            with self._reception.admit() as slot:
                slot.grow(len(item.body))
                await self._reception.receive(request, slot)
        except (DisbelievedError, UnreadableBodyError):
            return _Result.REFUSED
        except NotKeptError:
            return _Result.LATER
        return _Result.KEPT
