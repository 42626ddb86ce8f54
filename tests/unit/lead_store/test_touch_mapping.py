"""Touches on the wire: one by one and in columns, they say the same, and what is not right is named."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_store.domain.delivery import Touch, TouchKind
from lead_store.domain.errors import Invalid
from lead_store.rpc.touch_mapping import KINDS, LATEST_MS, LONGEST_SOURCE, touches_of
from leadsync.inbox.v1 import inbox_service_pb2 as pb
from msgspec.structs import replace

NUMBERS = {kind: number for number, kind in KINDS.items()}
TOUCHES = st.builds(
    Touch,
    st.sampled_from(["contact", "company"]),
    st.text(min_size=1, max_size=30).filter(lambda text: "\n" not in text),
    st.sampled_from(TouchKind),
    st.none() | st.integers(1, LATEST_MS),
    st.text(max_size=LONGEST_SOURCE),
    st.text(max_size=30),
)


def rows(touches: list[Touch]) -> list[pb.Touch]:
    """Touches as messages."""
    found = []
    for touch in touches:
        row = pb.Touch(object_type=touch.object_type, record_id=touch.record_id, kind=NUMBERS[touch.kind])
        row.source, row.into_record_id = touch.source, touch.into
        if touch.occurred_at_ms is not None:
            row.occurred_at.FromMilliseconds(touch.occurred_at_ms)
        found.append(row)
    return found


def columns(touches: list[Touch]) -> pb.TouchColumns:
    """Touches as columns."""
    return pb.TouchColumns(
        object_types=[touch.object_type for touch in touches],
        record_ids=[touch.record_id for touch in touches],
        kinds=[NUMBERS[touch.kind] for touch in touches],
        occurred_at_ms=[touch.occurred_at_ms or 0 for touch in touches],
        sources=[touch.source for touch in touches],
        into_record_ids=[touch.into for touch in touches],
    )


@given(st.lists(TOUCHES, max_size=5), st.lists(TOUCHES, max_size=5))
def test_both_ways_say_the_same(first: list[Touch], second: list[Touch]) -> None:
    """What comes one by one and what comes in columns is read as one list, in this order."""
    assert touches_of(pb.Delivery(touches=rows(first), touch_columns=columns(second))) == (*first, *second)
    assert touches_of(pb.Delivery(touches=rows(first))) == tuple(first)


GOOD = Touch("contact", "1", TouchKind.CHANGED, 5, "CRM_UI")


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (replace(GOOD, object_type=""), "object_type"),
        (replace(GOOD, record_id=""), "record_id"),
        (replace(GOOD, record_id="1" * 129), "record_id"),
        (replace(GOOD, record_id="1\n2"), "record_id"),
        (replace(GOOD, into="1" * 129), "into_record_id"),
        (replace(GOOD, source="s" * 257), "source"),
        (replace(GOOD, occurred_at_ms=-1), "occurred_at"),
    ],
)
@pytest.mark.parametrize("in_columns", [False, True])
def test_a_touch_that_is_not_right_is_named(bad: Touch, field: str, in_columns: bool) -> None:
    """The error says which touch and which field."""
    touches = [GOOD, bad]
    message = pb.Delivery(touch_columns=columns(touches)) if in_columns else pb.Delivery(touches=rows(touches))
    with pytest.raises(Invalid) as refused:
        touches_of(message)
    assert refused.value.field == f"{'touch_columns' if in_columns else 'touches'}[1].{field}"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda wire: wire.kinds.append(1),
        lambda wire: wire.record_ids.append("2"),
        lambda wire: wire.sources.pop(),
        lambda wire: wire.occurred_at_ms.pop(),
        lambda wire: wire.into_record_ids.pop(),
        lambda wire: wire.object_types.pop(),
    ],
)
def test_columns_of_unequal_length_are_refused(spoil: Callable[[pb.TouchColumns], object]) -> None:
    """Nobody guesses which value belongs to which record."""
    wire = columns([GOOD, GOOD])
    spoil(wire)
    with pytest.raises(Invalid, match="equally long"):
        touches_of(pb.Delivery(touch_columns=wire))


@pytest.mark.parametrize("kind", [0, 99])
def test_a_kind_that_is_not_known_is_refused(kind: Any) -> None:
    """A touch of no known kind is not taken for another one."""
    wire = columns([GOOD])
    wire.kinds[0] = kind
    for message in (pb.Delivery(touch_columns=wire), pb.Delivery(touches=[pb.Touch(record_id="1", kind=kind)])):
        with pytest.raises(Invalid, match="no such kind"):
            touches_of(message)
