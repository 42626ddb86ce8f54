import json

import pytest
from lead_store.domain.delivery import without_records


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
