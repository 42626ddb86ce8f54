"""What the gateway counts, for Prometheus. One registry per process, made by bootstrap."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_GROUP = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Metrics:
    """All metrics of one gateway."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "leadsync_gateway_requests", "HTTP requests answered", ["route", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "leadsync_gateway_request_seconds", "Time to answer", ["route"], buckets=_SECONDS, registry=self.registry
        )
        self.deliveries = Counter(
            "leadsync_gateway_deliveries", "Deliveries kept", ["provider", "outcome"], registry=self.registry
        )
        self.events = Counter(
            "leadsync_gateway_events",
            "Events kept: accepted, duplicate; ignored ones are among the accepted",
            ["provider", "outcome"],
            registry=self.registry,
        )
        self.signature_failures = Counter(
            "leadsync_gateway_signature_failures",
            "Webhooks not believed",
            ["provider", "reason"],
            registry=self.registry,
        )
        self.not_kept = Counter(
            "leadsync_gateway_not_kept", "Webhooks answered 503", ["reason"], registry=self.registry
        )
        self.intake_requests = Gauge(
            "leadsync_gateway_intake_requests", "Webhook requests inside", registry=self.registry
        )
        self.intake_bytes = Gauge("leadsync_gateway_intake_bytes", "Bytes of webhooks inside", registry=self.registry)
        self.record_seconds = Histogram(
            "leadsync_gateway_record_seconds", "Time of RecordDeliveries", buckets=_SECONDS, registry=self.registry
        )
        self.group_deliveries = Histogram(
            "leadsync_gateway_group_deliveries", "Deliveries per call", buckets=_GROUP, registry=self.registry
        )

    def text(self) -> bytes:
        """Render everything in Prometheus' text format."""
        return generate_latest(self.registry)
