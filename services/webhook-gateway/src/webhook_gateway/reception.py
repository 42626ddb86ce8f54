"""What happens to a webhook request, just come or out of quarantine: it is proved, translated, kept and counted."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import structlog

from webhook_gateway.admission import Slot
from webhook_gateway.intake import Delivery, Intake
from webhook_gateway.metrics import Metrics
from webhook_gateway.providers.base import AppMismatchError, Headers, ParsedDelivery, Provider

NOT_CONFIGURED = "webhooks_not_configured"
MAX_EVENT_LINES = 100  # log lines per delivery
MAX_LINES_PER_SECOND = 100  # over all deliveries: a flood is counted, not written out
_MAX_HEADER = 256


@dataclass(slots=True)
class WebhookRequest:
    """A POST to a provider's door, as it came in."""

    provider: Provider
    target: bytes = field(repr=False)  # path and query as received
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    received_at_ms: int


class DisbelievedError(Exception):
    """Nobody can say that the CRM itself sent a request. `reason` is stable."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Reception:
    """Receives webhook requests."""

    def __init__(self, intake: Intake, metrics: Metrics, api_url: str) -> None:
        self._intake = intake
        self._deliveries = cache(metrics.deliveries.labels)  # finding a counter by its labels costs more than counting
        self._events = cache(metrics.events.labels)
        self._api_url = api_url.encode()
        self.lines = LineBudget(time.monotonic)

    def admit(self) -> Slot:
        """Make room for a request. Raises NotKeptError at once."""
        return self._intake.admit()

    async def receive(self, request: WebhookRequest, slot: Slot) -> tuple[int, int]:
        """Keep what a request holds; the numbers are events newly kept and events kept before.

        Raises DisbelievedError, UnreadableBodyError or NotKeptError.
        """
        deliveries = self._translate(request)
        duplicates = await self._intake.keep(deliveries, slot)
        return self._count(request.provider, deliveries, duplicates)

    def _translate(self, request: WebhookRequest) -> list[Delivery]:
        provider = request.provider
        if not provider.ready:
            raise DisbelievedError(NOT_CONFIGURED, "no client secret is configured, so nothing can be believed")
        proof = provider.prove(
            method=b"POST",
            url=self._api_url + request.target,
            headers=request.headers,
            body=request.body,
            now_ms=request.received_at_ms,
        )
        if proof.refusal:
            raise DisbelievedError(proof.refusal, proof.detail)
        try:
            parsed = provider.parse(request.body, proof.app_ids)
        except AppMismatchError as error:
            raise DisbelievedError("app_mismatch", "an event is of another app than the signature") from error
        headers = readable(request.headers, provider.kept_headers)
        return [Delivery(provider.slug, item, headers, request.received_at_ms) for item in parsed]

    def _count(self, provider: Provider, deliveries: list[Delivery], duplicates: list[bool]) -> tuple[int, int]:
        """Count and log what was kept."""
        totals = {False: 0, True: 0}
        for item, duplicate in zip(deliveries, duplicates, strict=True):
            parsed = item.parsed
            totals[duplicate] += parsed.event_count
            outcome = "duplicate" if duplicate else "accepted"
            self._deliveries(provider.slug, outcome).inc()
            self._events(provider.slug, outcome).inc(parsed.event_count)
            if parsed.ignored_count and not duplicate:
                self._count_ignored(provider, parsed)
            self._log(provider, parsed, duplicate=duplicate)
        return totals[False], totals[True]

    def _count_ignored(self, provider: Provider, parsed: ParsedDelivery) -> None:
        if ignored := parsed.ignored_count - parsed.not_understood:
            self._events(provider.slug, "ignored").inc(ignored)
        if parsed.not_understood:
            self._events(provider.slug, "not_understood").inc(parsed.not_understood)

    def _log(self, provider: Provider, parsed: ParsedDelivery, *, duplicate: bool) -> None:
        """Write a line per event, as far as the budget goes: making a logger costs more than keeping an event.

        The events are read once more for it, instead of being held until they are kept: few are ever logged.
        """
        odd = bool(parsed.not_understood) and bool(self.lines.take(1))
        lines = self.lines.take(min(parsed.event_count, MAX_EVENT_LINES))
        if not lines and not odd:
            return
        log = structlog.get_logger().bind(account_id=parsed.account_id, delivery=parsed.delivery_key[:16])
        if odd:
            log.warning("webhook events not understood", provider=provider.slug, events=parsed.not_understood)
        for event in provider.show(parsed.events)[:lines]:
            log.info(
                f"{provider.title} Webhook: {event.type} for {event.object_type} {event.record_id}",  # noqa: G004  as asked
                source=event.source,
                ignored=event.ignored,
                duplicate=duplicate,
            )


class LineBudget:
    """Bounds log lines per second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._second = 0
        self._left = MAX_LINES_PER_SECOND

    def take(self, wanted: int) -> int:
        """Take up to so many lines of this second."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._left = second, MAX_LINES_PER_SECOND
        given = min(wanted, self._left)
        self._left -= given
        return given


def readable(headers: Headers, wanted: frozenset[bytes]) -> dict[str, str]:
    """Some headers as text, cut to a bounded length."""
    return {name.decode("latin-1"): value[:_MAX_HEADER].decode("latin-1") for name, value in headers if name in wanted}
