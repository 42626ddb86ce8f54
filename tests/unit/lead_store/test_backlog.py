"""What waits to be routed of one account."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from lead_store.domain.delivery import Delivery, Touch, TouchKind
from lead_store.usecases.backlog import DELIVERY_WEIGHT, LONGEST, MOST_FOUND, SHORTEST, Backlog, Batch

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def delivery(key: str, touches: int = 1, at: datetime = NOON) -> Delivery:
    """A delivery of so many touches."""
    some = tuple(Touch("contact", str(number), TouchKind.CHANGED) for number in range(touches))
    return Delivery(key, "hubspot", "1", b"[]", {}, some, touches, 0, at)


def look(waiting: list[Delivery], backlog: Backlog) -> int:
    """Look once, and route what was found; how much that was."""
    found = [one for one in waiting if one.received_at <= backlog.until][:MOST_FOUND]
    backlog.add(found)
    routed = 0
    while taken := backlog.take(50).ended:
        routed += len(taken)
    del waiting[:routed]
    return routed


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=600))
def test_nothing_that_was_recorded_is_left(recorded: list[int]) -> None:
    """However the deliveries lie in time, looking ends, and then each of them was taken."""
    waiting = [delivery(str(ms), at=NOON + timedelta(milliseconds=ms)) for ms in sorted(recorded)]
    backlog, looks = Backlog(waiting[0].received_at, waiting[-1].received_at), 0
    while not backlog.over:
        look(waiting, backlog)
        looks += 1
    assert waiting == []
    assert looks < 500


def test_where_much_waits_the_steps_become_shorter() -> None:
    """After a full look the next one goes no further, and the one after that less far."""
    backlog = Backlog(NOON, NOON + timedelta(hours=1))
    backlog.add([delivery("k")] * MOST_FOUND)
    assert (backlog.until, backlog.step, backlog.over) == (NOON, timedelta(milliseconds=500), False)
    for _ in range(20):
        backlog.add([delivery("k")] * MOST_FOUND)
    assert backlog.step == SHORTEST


def test_days_without_deliveries_take_a_few_looks() -> None:
    """Each look that finds little lets the next one go twice as far."""
    backlog, looks = Backlog(NOON, NOON + timedelta(days=3)), 0
    while not backlog.over:
        backlog.add([])
        looks += 1
    assert looks < 25
    assert backlog.step == LONGEST


def test_what_comes_meanwhile_is_looked_for_too() -> None:
    """A delivery recorded after the last look lets it go on up to there; an earlier one takes nothing back."""
    backlog = Backlog(NOON, NOON)
    backlog.add([delivery("k")])
    assert backlog.over
    backlog.extend(NOON + timedelta(seconds=1))
    backlog.extend(NOON - timedelta(hours=1))
    assert not backlog.over
    waiting = [delivery("later", at=NOON + timedelta(seconds=1))]
    while not backlog.over:
        look(waiting, backlog)
    assert waiting == []


def test_a_batch_is_bounded_by_its_touches() -> None:
    """As many deliveries as cost no more, all in their order; one that alone costs more comes in parts."""
    backlog = Backlog(NOON, NOON)
    small, large = [delivery(f"s{n}") for n in range(5)], delivery("l", touches=250)
    backlog.add([*small, large, *small])
    assert backlog.take(2 * (DELIVERY_WEIGHT + 1)).ended == small[:2]
    assert backlog.take(100).ended == small[2:]
    parts = [backlog.take(100, "integration") for _ in range(3)]
    assert [len(part.touches) for batch in parts for part in batch.parts] == [100, 100, 50]
    assert [touch for batch in parts for part in batch.parts for touch in part.touches] == list(large.touches)
    assert [batch.ended for batch in parts] == [[], [], [large]]
    assert backlog.take(100).ended == small
    assert backlog.take(100) == Batch()


def test_all_parts_of_a_delivery_are_for_one_integration() -> None:
    """If its account has got another integration meanwhile, the parts begin anew; without one it is left whole."""
    backlog, large = Backlog(NOON, NOON), delivery("l", touches=250)
    backlog.add([large, large])
    backlog.take(100, "former")
    assert backlog.take(100, "present").parts[0].touches == large.touches[:100]
    assert backlog.take(100) == Batch([large], [large])
    assert backlog.take(100, "present").parts[0].touches == large.touches[:100]
