"""What recording and routing know of each other."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from lead_store.domain.delivery import Delivery
from lead_store.domain.rules import Account
from lead_store.usecases.arrivals import Arrivals

LONG = 60.0  # seconds; no test waits for them
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=1)


def of(*account_ids: str) -> list[Delivery]:
    """A delivery of each account."""
    return [Delivery(account_id, "hubspot", account_id, b"[]", {}, (), 1, 0, NOON) for account_id in account_ids]


def test_what_was_kept_is_taken_once() -> None:
    """Accounts of recordings that ended well, with their first and last moment."""
    arrivals = Arrivals()
    with arrivals.recording(of("1", "2", "1"), LATER), arrivals.recording(of("1"), NOON):
        pass
    arrivals.wait(LONG)
    first, second = Account("hubspot", "1"), Account("hubspot", "2")
    assert arrivals.taken() == ({first: (NOON, LATER), second: (LATER, LATER)}, False)
    assert arrivals.taken() == ({}, False)


def test_a_recording_that_failed_may_have_kept_something() -> None:
    """Its answer may have been lost on the way: whatever waits is looked at."""
    arrivals = Arrivals()
    with pytest.raises(RuntimeError), arrivals.recording(of("1"), NOON):
        raise RuntimeError
    assert arrivals.taken() == ({}, True)


def test_what_is_kept_meanwhile_ends_the_wait() -> None:
    """The router waits for the next recording, and wakes up."""
    arrivals = Arrivals()
    with ThreadPoolExecutor(1) as pool:
        woken = pool.submit(arrivals.wait, LONG)
        with arrivals.recording(of("1"), NOON):
            pass
        woken.result(LONG)


def test_somebody_may_ask_for_a_look_at_all_accounts() -> None:
    """It ends the wait, and is asked for once."""
    arrivals = Arrivals()
    arrivals.look_anywhere()
    arrivals.wait(LONG)
    assert arrivals.taken() == ({}, True)
    assert arrivals.taken() == ({}, False)


def test_time_is_busy_while_anything_is_being_recorded() -> None:
    """Recordings side by side count once, and idle time does not count."""
    arrivals = Arrivals()
    assert arrivals.busy_seconds() == 0
    with arrivals.recording(of("1"), NOON), arrivals.recording(of("1"), NOON):
        assert arrivals.busy_seconds() > 0
        assert not arrivals.quiet()
    after = arrivals.busy_seconds()
    assert arrivals.busy_seconds() == after


def test_the_end_is_not_waited_for() -> None:
    """Closing ends every wait."""
    arrivals = Arrivals()
    waiting = threading.Thread(target=arrivals.wait, args=(LONG,))
    waiting.start()
    arrivals.close()
    waiting.join(LONG)
    assert not waiting.is_alive()
