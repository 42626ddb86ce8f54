"""What the gateway counts, for Prometheus: a registry per process or, with several processes, files that they share.

`prometheus_client` decides where values lie when it is imported: see `processes`.
"""

from collections.abc import Callable
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from webhook_gateway.tls import ENDS_METRIC, Renewed

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_GROUP = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Metrics:
    """All metrics of one gateway. `shared` is the folder of the metrics of several processes; empty = there is one."""

    def __init__(self, shared: str = "") -> None:
        self._shared = shared
        self._look: Callable[[], None] = lambda: None
        self.registry = CollectorRegistry()
        self.requests = self._counter("requests", "HTTP requests answered", "route", "status")
        self.request_seconds = self._histogram("request_seconds", "Time to answer", _SECONDS, "route")
        self.deliveries = self._counter("deliveries", "Deliveries kept", "provider", "outcome")
        self.events = self._counter(
            "events",
            "Events kept: accepted, duplicate; ignored and not_understood ones are among the accepted",
            "provider",
            "outcome",
        )
        self.signature_failures = self._counter(
            "signature_failures", "Webhooks that could not be verified", "provider", "reason"
        )
        self.quarantine = self._counter(
            "quarantine", "Webhooks that could not be verified: kept for later, or why they were not", "outcome"
        )
        self.not_kept = self._counter("not_kept", "Webhooks answered 503, or 429 for their account", "reason")
        self.intake_requests = self._gauge("intake_requests", "Webhook requests that are held", "livesum")
        self.intake_bytes = self._gauge("intake_bytes", "Bytes of webhooks that are held", "livesum")
        self.breaker_open = self._gauge("breaker_open", "1 while calls wait until lead-store answers again", "livemax")
        self.connections_ended = self._counter("connections_ended", "Connections that were ended early", "reason")
        self.record_seconds = self._histogram("record_seconds", "Time of RecordDeliveries", _SECONDS)
        self.group_deliveries = self._histogram("group_deliveries", "Deliveries per call", _GROUP)

    def watch_certificate(self, tls: Renewed) -> None:
        """Show when the gateway's certificate ends: the earliest end that one of its processes has seen."""
        ends = Gauge(*ENDS_METRIC, registry=self.registry, multiprocess_mode="livemin")
        self._look = lambda: ends.set(tls.ends_at())
        self._look()

    def text(self) -> bytes:
        """Render everything in Prometheus' text format, of all processes together."""
        self._look()
        if not self._shared:
            return generate_latest(self.registry)
        everything = CollectorRegistry()
        MultiProcessCollector(everything, self._shared)  # type: ignore[no-untyped-call]
        return generate_latest(everything)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"leadsync_gateway_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"leadsync_gateway_{name}", text, labels, buckets=buckets, registry=self.registry)

    def _gauge(self, name: str, text: str, mode: Literal["livesum", "livemax"]) -> Gauge:
        return Gauge(f"leadsync_gateway_{name}", text, registry=self.registry, multiprocess_mode=mode)
