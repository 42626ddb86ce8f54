"""What is reported about deliveries once they are kept: counts, and a log line for each event."""

from collections import Counter
from collections.abc import Sequence
from functools import cache

import structlog

from webhook_gateway.ingest.intake import Delivery
from webhook_gateway.logs import LineBudget
from webhook_gateway.metrics import Metrics
from webhook_gateway.providers.base import Registry

MAX_EVENT_LINES = 100  # per delivery
_LEAST_LINES = 10  # of a delivery with more events: reading its events does not pay for fewer


class Tally:
    """Counts and logs what was kept, call by call: each counter is moved once per call."""

    def __init__(self, metrics: Metrics, registry: Registry, lines: LineBudget) -> None:
        self._deliveries = cache(metrics.deliveries.labels)  # finding a counter by its labels is slow
        self._events = cache(metrics.events.labels)
        self._registry = registry
        self._lines = lines

    def kept(self, deliveries: Sequence[Delivery], duplicates: Sequence[bool]) -> None:
        """Report deliveries that are durable, and for each whether it had been kept before."""
        counted: Counter[tuple[str, str]] = Counter()
        events: Counter[tuple[str, str]] = Counter()
        for item, duplicate in zip(deliveries, duplicates, strict=True):
            parsed, outcome = item.parsed, "duplicate" if duplicate else "accepted"
            counted[item.provider, outcome] += 1
            events[item.provider, outcome] += parsed.event_count
            if parsed.ignored_count and not duplicate:
                events[item.provider, "ignored"] += parsed.ignored_count - parsed.not_understood
                events[item.provider, "not_understood"] += parsed.not_understood
        for labels, number in counted.items():
            self._deliveries(*labels).inc(number)
        for labels, number in events.items():
            if number:
                self._events(*labels).inc(number)
        for item, duplicate in zip(deliveries, duplicates, strict=True):
            self._log(item, duplicate=duplicate)

    def _log(self, item: Delivery, *, duplicate: bool) -> None:
        """Write a line per event, as far as the budget allows: making a logger costs more than keeping an event.

        The events are read again for it, instead of being held until they are kept: few are ever logged.
        """
        parsed = item.parsed
        warn = bool(parsed.not_understood) and bool(self._lines.take(1))
        wanted = min(parsed.event_count, MAX_EVENT_LINES)
        lines = self._lines.take(wanted, min(wanted, _LEAST_LINES))
        if not lines and not warn:
            return
        log = structlog.get_logger().bind(account_id=parsed.account_id, delivery=parsed.delivery_key[:16])
        if warn:
            log.warning("webhook events not understood", provider=item.provider, events=parsed.not_understood)
        provider = self._registry[item.provider]
        for event in provider.show(parsed.events, lines) if lines else ():
            log.info(
                f"{provider.title} Webhook: {event.type} for {event.object_type} {event.record_id}",  # noqa: G004  as asked
                source=event.source,
                ignored=event.ignored,
                duplicate=duplicate,
            )
