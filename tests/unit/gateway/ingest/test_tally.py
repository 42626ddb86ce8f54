import msgspec
import structlog
from webhook_gateway.ingest.intake import Delivery
from webhook_gateway.ingest.tally import Tally
from webhook_gateway.logs import MAX_LINES_PER_SECOND, LineBudget
from webhook_gateway.metrics import Metrics
from webhook_gateway.providers.base import ParsedDelivery, Registry
from webhook_gateway.providers.hubspot import HubSpot
from webhook_gateway.providers.hubspot.touches import parse

REGISTRY: Registry = {"hubspot": HubSpot((), allow_unsigned=True)}


def _delivery(events: int, ignored: int = 0, not_understood: int = 0) -> Delivery:
    parsed = ParsedDelivery("key", "1", b"[]", ("",) * events, (), events, ignored, not_understood)
    return Delivery("hubspot", parsed, {}, 0)


def test_what_is_kept_is_counted_once() -> None:
    """Deliveries and events count by what became of them; of one kept before nothing counts as ignored again."""
    metrics = Metrics()
    tally = Tally(metrics, REGISTRY, LineBudget(lambda: 0.0))
    tally.kept([_delivery(3), _delivery(5, ignored=2, not_understood=1)], [False, False])
    tally.kept([_delivery(5, ignored=2, not_understood=1)], [True])

    def counted(name: str, outcome: str) -> float | None:
        labels = {"provider": "hubspot", "outcome": outcome}
        return metrics.registry.get_sample_value(f"leadsync_gateway_{name}_total", labels)

    assert [counted("deliveries", outcome) for outcome in ("accepted", "duplicate")] == [2, 1]
    outcomes = ("accepted", "duplicate", "ignored", "not_understood")
    assert [counted("events", outcome) for outcome in outcomes] == [8, 5, 1, 1]


def test_many_events_are_not_read_for_a_few_lines() -> None:
    """While few lines are left, one event has its line, and a delivery of many none; else each has its own."""
    lines = LineBudget(lambda: 0.0)
    tally = Tally(Metrics(), REGISTRY, lines)

    def logged(events: int) -> list[str]:
        body = msgspec.json.encode(
            [{"portalId": 1, "subscriptionType": "contact.creation", "objectId": n} for n in range(events)]
        )
        with structlog.testing.capture_logs() as found:
            tally.kept([Delivery("hubspot", parse(body, frozenset())[0], {}, 0)], [False])
        return [line["event"] for line in found]

    assert logged(20) == [f"HubSpot Webhook: contact.creation for contact {n}" for n in range(20)]
    lines.take(MAX_LINES_PER_SECOND - 20 - 5)
    assert logged(20) == []
    assert logged(2) == [f"HubSpot Webhook: contact.creation for contact {n}" for n in range(2)]
