"""When a work item is tried again: all waits of decisions, and what happens after a lease without a decision.

Nothing here reads a clock. A decision gets its waits as values, so that tests can use short ones.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

LEASED_ALONE_FROM = 3  # unfinished claims from which a work item is leased alone: it may be what ends its worker
CRASH_LOOP_FROM = 6  # unfinished claims from which it has failed


@dataclass(frozen=True, slots=True)
class Waits:
    """How long things take, and how long work waits. The defaults are those of production."""

    read_lag: timedelta = timedelta(seconds=10)  # the oldest state that a CRM may answer with (assumed, see R2)
    stale_again: timedelta = timedelta(seconds=2)  # until a record is read again after a reading that was too old
    stale_limit: timedelta = timedelta(seconds=60)  # how long readings older than an earlier one are refused (R1)
    absent_apart: timedelta = timedelta(seconds=60)  # two absent readings so far apart prove a deletion (R14)
    page_age: timedelta = timedelta(seconds=60)  # how old a page of records may be when its records are leased
    look_again: timedelta = timedelta(seconds=60)  # until a lead checks what happened with the record it found
    oscillation_window: timedelta = timedelta(hours=1)  # turns further apart than this are no oscillation
    pause: timedelta = timedelta(hours=1)  # how long an oscillating field is left alone
    first_backoff: timedelta = timedelta(seconds=1)
    longest_backoff: timedelta = timedelta(minutes=15)
    longest_wait: timedelta = timedelta(days=1)  # the longest wait that a worker may ask for
    give_up: timedelta = timedelta(days=1)  # work that has gone wrong for longer has failed

    def divided_by(self, scale: int) -> "Waits":
        """The waits, each shorter by this factor. For tests."""
        return Waits(**{name: getattr(self, name) / scale for name in self.__dataclass_fields__})

    def write_is_over(self, lease_until: datetime) -> datetime:
        """From when on a reading shows a write that was sent under this lease, if it landed at all (R2)."""
        return lease_until + self.read_lag

    def absence_proven(self, first_absent_at: datetime) -> datetime:
        """From when on a second absent reading proves a deletion (R14)."""
        return first_absent_at + self.absent_apart

    def bounded(self, wait: timedelta) -> timedelta:
        """A wait that a worker asks for, within bounds."""
        return min(max(timedelta(), wait), self.longest_wait)

    def backoff(self, attempts: int, chance: float) -> timedelta:
        """Exponential wait with full jitter; `chance` is a random number in [0, 1)."""
        longest: timedelta = min(self.longest_backoff, self.first_backoff * (1 << min(attempts, 16)))
        return longest * chance


PRODUCTION = Waits()


@dataclass(frozen=True, slots=True)
class Attempts:
    """The attempts of a work item that have gone wrong, and when the next one is due."""

    number: int
    first_failed_at: datetime | None
    due_at: datetime | None  # None = the work item has failed


def attempt_failed(
    number: int, first_failed_at: datetime | None, wait: timedelta, now: datetime, chance: float, waits: Waits
) -> Attempts:
    """One more attempt went wrong. Each one waits longer, `wait` at least, until the work item has failed."""
    first = first_failed_at or now
    again = now + max(wait, waits.backoff(number, chance))
    return Attempts(number + 1, first, None if now - first > waits.give_up else again)


def spread(now: datetime, number: int, per_second: int) -> list[datetime]:
    """When each of so many work items is due again, so many in a second; 0 = all at once."""
    return [now + timedelta(seconds=place / per_second if per_second else 0) for place in range(number)]


def without_crash_loops(claims: list[tuple[str, int]]) -> tuple[list[str], list[str]]:
    """Which due work items to lease, and which have failed. Given are their ids and their unfinished claims.

    Work whose claims keep coming to no end may be what ends its worker: it is leased alone, and in the end not at all.
    """
    crashing = [work_item for work_item, unfinished in claims if unfinished >= CRASH_LOOP_FROM]
    left = [(work_item, unfinished) for work_item, unfinished in claims if unfinished < CRASH_LOOP_FROM]
    if left and left[0][1] >= LEASED_ALONE_FROM:
        return [left[0][0]], crashing
    return [work_item for work_item, unfinished in left if unfinished < LEASED_ALONE_FROM], crashing
