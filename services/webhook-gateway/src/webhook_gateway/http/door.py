"""The webhook door: prove, translate, keep, acknowledge, in this order. Raw ASGI, since it is the fast path."""

import asyncio
import time
from functools import cache
from itertools import islice

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from webhook_gateway.http.problems import Fault, Problem
from webhook_gateway.intake import MIB, Delivery, Intake, NotKeptError, Slot
from webhook_gateway.metrics import Metrics
from webhook_gateway.providers.base import (
    AppMismatchError,
    Headers,
    ParsedDelivery,
    Provider,
    Registry,
    UnreadableBodyError,
)

MAX_BODY = 10 * MIB
BODY_SECONDS = 10.0  # for the whole body to arrive
MAX_EVENT_LINES = 100  # log lines per delivery
MAX_LINES_PER_SECOND = 500  # over all deliveries: a flood is counted, not written out
_MAX_HEADER = 256
_JSON = (b"content-type", b"application/json")


class WebhookDoor:
    """Takes webhooks of every known provider."""

    def __init__(self, registry: Registry, intake: Intake, metrics: Metrics, api_url: str) -> None:
        self._registry = registry
        self._intake = intake
        self._metrics = metrics
        self._deliveries = cache(metrics.deliveries.labels)  # finding a counter by its labels costs more than counting
        self._events = cache(metrics.events.labels)
        self._api_url = api_url.encode()
        self._lines = _LineBudget()

    def provider(self, slug: str) -> Provider:
        """Find a provider. Raises Problem 404 unknown_provider."""
        provider = self._registry.get(slug)
        if provider is None:
            raise Problem(404, "unknown_provider", "no CRM of this name is known here")
        return provider

    async def __call__(self, slug: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST. Raises Problem for all that is not kept."""
        provider = self.provider(slug)
        if not provider.ready:
            raise Problem(503, "webhooks_not_configured", "no client secret is configured, so nothing can be believed")
        try:
            with self._intake.admit() as slot:
                body = await _read_body(receive, slot)
                deliveries = self._translate(provider, scope, body)
                duplicates = await self._intake.keep(deliveries)
        except NotKeptError as error:
            self._metrics.not_kept.labels(error.reason).inc()
            raise Problem(503, error.reason, "the events could not be kept; send them again") from error
        accepted, repeated = self._count(provider, deliveries, duplicates)
        await _answer(send, accepted, repeated)

    def _translate(self, provider: Provider, scope: Scope, body: bytes) -> list[Delivery]:
        now_ms = time.time_ns() // 1_000_000
        app_ids = self._prove(provider, scope, body, now_ms)
        try:
            parsed = provider.parse(body, app_ids)
        except AppMismatchError as error:
            raise self._disbelieved(
                provider, "app_mismatch", "an event is of another app than the signature"
            ) from error
        except UnreadableBodyError as error:
            faults = (Fault(error.path, error.detail),) if error.path else ()
            raise Problem(400, error.reason, error.detail, errors=faults) from error
        headers = _kept_headers(provider, scope["headers"])
        return [Delivery(provider.slug, item, headers, now_ms) for item in parsed]

    def _prove(self, provider: Provider, scope: Scope, body: bytes, now_ms: int) -> frozenset[str]:
        query = scope["query_string"]
        proof = provider.prove(
            method=scope["method"].encode(),
            url=self._api_url + scope["raw_path"] + (b"?" + query if query else b""),
            headers=scope["headers"],
            body=body,
            now_ms=now_ms,
        )
        if proof.refusal:
            raise self._disbelieved(provider, proof.refusal, proof.detail)
        return proof.app_ids

    def _disbelieved(self, provider: Provider, reason: str, detail: str) -> Problem:
        self._metrics.signature_failures.labels(provider.slug, reason).inc()
        if self._lines.take(1):
            structlog.get_logger().warning("webhook not believed", provider=provider.slug, reason=reason)
        return Problem(401, reason, detail)

    def _count(self, provider: Provider, deliveries: list[Delivery], duplicates: list[bool]) -> tuple[int, int]:
        """Count and log what was kept; the numbers are events newly kept and events kept before."""
        totals = {False: 0, True: 0}
        for item, duplicate in zip(deliveries, duplicates, strict=True):
            parsed = item.parsed
            totals[duplicate] += parsed.event_count
            outcome = "duplicate" if duplicate else "accepted"
            self._deliveries(provider.slug, outcome).inc()
            self._events(provider.slug, outcome).inc(parsed.event_count)
            if parsed.ignored_count and not duplicate:
                self._events(provider.slug, "ignored").inc(parsed.ignored_count)
            self._log(provider, parsed, duplicate=duplicate)
        return totals[False], totals[True]

    def _log(self, provider: Provider, parsed: ParsedDelivery, *, duplicate: bool) -> None:
        log = structlog.get_logger().bind(account_id=parsed.account_id, delivery=parsed.delivery_key[:16])
        lines = self._lines.take(min(parsed.event_count, MAX_EVENT_LINES))
        for event in islice(parsed.shown, lines):
            log.info(
                f"{provider.title} Webhook: {event.type} for {event.object_type} {event.record_id}",  # noqa: G004  as asked
                source=event.source,
                ignored=event.ignored,
                duplicate=duplicate,
            )
        if lines < parsed.event_count:
            log.debug("webhook events not logged one by one", events=parsed.event_count - lines)


class _LineBudget:
    """Bounds log lines per second."""

    def __init__(self) -> None:
        self._second = 0
        self._left = MAX_LINES_PER_SECOND

    def take(self, wanted: int) -> int:
        """Take up to so many lines of this second."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._left = second, MAX_LINES_PER_SECOND
        given = min(wanted, self._left)
        self._left -= given
        return given


async def _read_body(receive: Receive, slot: Slot) -> bytes:
    """Read the body, counting as it comes. Raises Problem 413 or 408, NotKeptError if there is no room for it."""
    body, seen, more = bytearray(), 0, True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            # Some of what is too much passes by, so that its sender reads the answer instead of a broken connection.
            while more and seen < 2 * MAX_BODY:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Problem(400, "body_incomplete", "the connection ended before the body did")
                chunk, more = message.get("body", b""), message.get("more_body", False)
                seen += len(chunk)
                if seen > MAX_BODY:
                    body.clear()
                else:
                    slot.grow(len(chunk))
                    body += chunk
    except TimeoutError as error:
        close = {"connection": "close"}
        raise Problem(408, "body_timeout", "the body did not arrive in time", headers=close) from error
    if seen > MAX_BODY:
        raise Problem(413, "body_too_large", f"a body has at most {MAX_BODY} bytes", headers={"connection": "close"})
    return bytes(body)


def _kept_headers(provider: Provider, headers: Headers) -> dict[str, str]:
    kept = provider.kept_headers
    return {name.decode("latin-1"): value[:_MAX_HEADER].decode("latin-1") for name, value in headers if name in kept}


async def _answer(send: Send, accepted: int, duplicates: int) -> None:
    body = msgspec.json.encode({"accepted": accepted, "duplicates": duplicates})
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [_JSON, length]})
    await send({"type": "http.response.body", "body": body})
