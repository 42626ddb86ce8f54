"""Deliveries of streams."""

from datetime import UTC, datetime

from crm_connector.clients.mapping import delivery
from crm_connector.domain.delivery import Delivery, StreamEvent, Touch, TouchKind, key_of
from leadsync.inbox.v1 import inbox_service_pb2 as pb

AT = datetime(2026, 11, 29, 15, 4, 5, tzinfo=UTC)


def test_the_same_part_of_a_stream_has_the_same_key() -> None:
    """Account, topic and positions make the key, so that what is read twice is kept once."""
    key = key_of("crm", "acme", "/data/leads", ("7", "9"))

    assert key == key_of("crm", "acme", "/data/leads", ("7", "9"))
    others = [("crm2", "acme", "t"), ("crm", "acme2", "t"), ("crm", "acme", "t2")]
    assert len({key, *(key_of(*other, ("7", "9")) for other in others), key_of("crm", "acme", "t", ("7", "8"))}) == 5


def test_events_become_a_delivery() -> None:
    """People see the events as they were; each names the record it is about, and one of another kind is ignored."""
    merged = Touch("lead", "2", TouchKind.MERGED, AT, "someone", "3")
    events = (StreamEvent('{"a":1}', (Touch("lead", "1", TouchKind.CREATED), merged)), StreamEvent('{"b":2}'))

    message = delivery(Delivery("key", "crm", "acme", events, AT))

    assert message.events == b'[{"a":1},{"b":2}]'
    assert (message.delivery_key, message.provider, message.account_id) == ("key", "crm", "acme")
    assert (message.event_count, message.ignored_count, list(message.event_record_ids)) == (2, 1, ["1", ""])
    created, second = message.touches
    assert (created.kind, created.HasField("occurred_at")) == (pb.TOUCH_KIND_CREATED, False)
    assert (second.kind, second.into_record_id, second.source) == (pb.TOUCH_KIND_MERGED, "3", "someone")
    assert message.received_at.ToDatetime(tzinfo=UTC) == second.occurred_at.ToDatetime(tzinfo=UTC) == AT
