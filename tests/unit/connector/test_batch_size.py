"""How many records are leased at once."""

from itertools import pairwise

from crm_connector.domain.batch_size import MAX_BATCH_SIZE, BatchSize
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(1, MAX_BATCH_SIZE), st.integers(0, 50))
def test_some_size_that_a_machine_can_do_is_found_and_kept_near(capacity: int, batches: int) -> None:
    """However few records a machine can do in time, they get done at least every other time once that is known."""
    size, done = BatchSize(), []
    for _ in range(7 + batches):
        leased = size.now
        done.append(leased <= capacity)
        (size.was_in_time if done[-1] else size.was_late)(leased)

    assert 1 <= size.now <= MAX_BATCH_SIZE
    assert all(one or other for one, other in pairwise(done[6:]))


def test_a_batch_in_time_that_was_not_full_says_nothing() -> None:
    """Few records in time do not show that many would be."""
    size = BatchSize()
    size.was_late(100)
    size.was_in_time(3)

    assert size.now == 50


def test_a_machine_that_is_fast_again_takes_full_batches_again() -> None:
    """After a slow hour the size comes back by itself."""
    size = BatchSize()
    size.was_late(3)
    for _ in range(7):
        size.was_in_time(size.now)

    assert size.now == MAX_BATCH_SIZE
