import json
from datetime import UTC, datetime

import pytest
from lead_store.domain.delivery import Delivery, without_records


def test_events_of_erased_records_go() -> None:
    """What is about an erased record goes, the rest stays as it was said, half an emoji too."""
    events = json.dumps([{"objectId": 1}, {"objectId": 2, "propertyValue": "\ud83d"}, {"objectId": 1}]).encode()
    assert json.loads(without_records(events, ("1", "2", "1"), {"1"})) == [{"objectId": 2, "propertyValue": "\ud83d"}]


@pytest.mark.parametrize("events", [b'[{"objectId":1,"n":' + b"9" * 5000 + b"}]", b"[" * 100_000, b'["\xff"]'])
def test_events_that_cannot_be_read_all_go(events: bytes) -> None:
    """Where it is unknown which event is about whom, none is kept, and the erasure goes on."""
    assert without_records(events, ("1",), {"1"}) == b"[]"


def test_events_of_which_nothing_is_known_all_go() -> None:
    """Without the records of the events none is kept."""
    assert without_records(b'[{"objectId":2}]', (), {"1"}) == b"[]"


def test_a_delivery_without_erased_records_knows_whom_the_rest_is_about() -> None:
    """Events and their records stay side by side; a delivery without an event about an erased record stays."""
    events = b'[ {"objectId":1},{"objectId":2}]'
    kept = Delivery("k", "hubspot", "1", events, {}, (), 2, 0, datetime(2026, 11, 24, tzinfo=UTC), ("1", "2"))
    assert kept.without({"1"}) == kept._replace(events=b'[{"objectId":2}]', event_record_ids=("2",))
    assert kept.without(set()) == kept.without({"3"}) == kept
    unknown = kept._replace(event_record_ids=())
    assert unknown.without({"1"}) == unknown._replace(events=b"[]")
