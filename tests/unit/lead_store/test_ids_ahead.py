"""Ids of a run are read many at a time, and none is left out."""

from lead_store.domain.applying import Progress, moved_on, started
from lead_store.usecases.applying import IdsAhead

IDS = [f"i/record/{number:04}" for number in range(250)]


def read(_: str, after: str, limit: int) -> list[str]:
    """Ids as the database gives them."""
    return [one for one in IDS if one > after][:limit]


def whole(ahead: IdsAhead, run: Progress) -> list[str]:
    """All that a run makes due."""
    found: list[str] = []
    while run.after is not None:
        part = ahead.next(run)
        found, run = found + part, moved_on(run, part)
    return found


def test_a_run_gets_every_id_once() -> None:
    """In their order."""
    assert whole(IdsAhead(read), started("i", "run-1", len(IDS))) == IDS


def test_a_run_that_begins_again_gets_every_id_again() -> None:
    """Also under the same id, as after settings that were changed and changed back."""
    ahead = IdsAhead(read)
    ahead.next(started("i", "run-1", len(IDS)))
    assert whole(ahead, started("i", "run-1", len(IDS))) == IDS
