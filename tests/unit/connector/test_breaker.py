"""The breaker of an account: pure, and in the budget that all threads share."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from crm_connector.domain import breaker
from crm_connector.domain.errors import CrmUnavailableError, CrmUncertainError, RateLimitedError
from crm_connector.domain.observation import State, Unreadable
from crm_connector.hubspot.budget import AccountBudget
from crm_connector.hubspot.contacts import split
from crm_connector.hubspot.wire import Contact
from hypothesis import given
from hypothesis import strategies as st


def _broken(times: int, now: float = 0.0) -> breaker.Breaker:
    state = breaker.Breaker()
    for _ in range(times):
        state = breaker.failed(state, now, 1.0)
    return state


def test_it_opens_after_five_failures_in_a_row() -> None:
    """Four failures let the next call through, the fifth holds it back for a while."""
    assert breaker.admit(_broken(4), 0.0, 30.0)[1] == 0.0
    assert breaker.admit(_broken(5), 0.0, 30.0)[1] == 5.0
    assert not breaker.succeeded(_broken(4)).is_open
    assert breaker.succeeded(_broken(4)).failures == 0


def test_one_call_probes_and_decides() -> None:
    """After the wait a single call goes out; its success closes the breaker, its failure opens it for longer."""
    state, wait = breaker.admit(_broken(5), 5.0, 30.0)
    assert wait == 0.0
    assert breaker.admit(state, 5.0, 30.0)[1] == 30.0
    assert breaker.succeeded(state) == breaker.Breaker()
    assert breaker.admit(breaker.failed(state, 6.0, 1.0), 6.0, 30.0)[1] == 10.0


def test_answers_to_older_calls_do_not_decide() -> None:
    """A call that was under way when the breaker opened neither closes it nor opens it for longer."""
    state = _broken(5)
    assert breaker.succeeded(state) == state
    assert breaker.failed(state, 1.0, 1.0) == state


@given(st.lists(st.sampled_from(["fail", "succeed", "wait"]), max_size=60))
def test_nobody_waits_longer_than_a_minute(steps: list[str]) -> None:
    """Whatever happens, the next call is at most a minute away."""
    state, now = breaker.Breaker(), 0.0
    for step in steps:
        state, wait = breaker.admit(state, now, 30.0)
        assert wait <= 60.0
        if step == "fail":
            state = breaker.failed(state, now, 1.0)
        elif step == "succeed":
            state = breaker.succeeded(state)
        now += wait


def test_it_is_still_probed_after_days_of_failures() -> None:
    """However often the breaker has opened, the next probe's failure opens it for a minute, and its success ends it."""
    state, now = _broken(breaker.FAILURES), 0.0
    for _ in range(3_000):
        now += 60.0
        state = breaker.failed(breaker.admit(state, now, 30.0)[0], now, 1.0)
    assert breaker.admit(state, now, 30.0)[1] == 60.0
    assert breaker.succeeded(breaker.admit(state, now + 60.0, 30.0)[0]) == breaker.Breaker()


def test_an_account_that_keeps_failing_is_not_called() -> None:
    """The budget of an account refuses at once while its breaker is open, and says for how long."""
    account = AccountBudget(threading.Event(), monotonic=lambda: 100.0)
    for _ in range(breaker.FAILURES):
        account.acquire(send_by=100.0)
        account.heard(broken=True)
    assert account.breaker_open
    with pytest.raises(CrmUnavailableError) as caught:
        account.acquire(send_by=200.0)
    assert 0.0 < caught.value.retry_after <= 5.0


def test_a_write_that_hubspot_breaks_on_ends_up_alone() -> None:
    """After a broken batch the next ones are half as large, down to one record; each success doubles them again."""
    account = AccountBudget(threading.Event(), monotonic=lambda: 100.0)
    sizes = []
    for _ in range(4):
        account.heard(broken=True, wrote=min(8, account.most_writes))
        sizes.append(account.most_writes)
    assert sizes == [4, 2, 1, 1]
    account.heard(broken=False, wrote=1)
    assert account.most_writes == 2
    account.heard(broken=True)
    assert account.most_writes == 2


def test_runs_and_sweeps_leave_a_reserve_to_live_work() -> None:
    """When the background has taken all that it may, live calls still go out at once."""
    account = AccountBudget(threading.Event(), monotonic=lambda: 100.0)
    for _ in range(21):  # of a burst of thirty
        account.acquire(send_by=100.0, background=True)
    with pytest.raises(RateLimitedError):
        account.acquire(send_by=100.0, background=True)
    for _ in range(5):
        account.acquire(send_by=100.0)


def test_the_rest_of_a_day_is_kept_for_live_work() -> None:
    """With a tenth of the day's quota left, only live work may call."""
    account = AccountBudget(threading.Event(), monotonic=lambda: 100.0)
    account.learn({"X-HubSpot-RateLimit-Daily": "1000", "X-HubSpot-RateLimit-Daily-Remaining": "99"})
    account.acquire(send_by=100.0)
    with pytest.raises(RateLimitedError) as caught:
        account.acquire(send_by=100.0, background=True)
    assert caught.value.reason == "daily_reserve"
    assert caught.value.retry_after > 1.0


def test_the_next_day_begins_with_a_quota_of_its_own() -> None:
    """After the portal's midnight the background calls again, though no live work has asked for the quota since."""
    clock = [datetime(2026, 7, 1, 21, 0, tzinfo=UTC)]
    account = AccountBudget(threading.Event(), "Europe/Berlin", monotonic=lambda: 100.0, now=lambda: clock[0])
    account.learn({"X-HubSpot-RateLimit-Daily": "1000", "X-HubSpot-RateLimit-Daily-Remaining": "99"})
    with pytest.raises(RateLimitedError) as caught:
        account.acquire(send_by=100.0, background=True)
    clock[0] += timedelta(seconds=caught.value.retry_after)
    account.acquire(send_by=100.0, background=True)
    assert account.daily is None


def _read_around(poison: str, calls: list[int]) -> tuple[list[str], dict[str, State]]:
    """Read eight records, of which HubSpot breaks on one."""
    found: list[Contact] = []
    refused: dict[str, State] = {}

    def read(part: list[str]) -> list[Contact]:
        calls.append(len(part))
        if poison in part:
            raise CrmUncertainError("crm_error")
        return [Contact(id=one, properties={}) for one in part]

    split([str(number) for number in range(8)], read, found.extend, refused)
    return sorted(contact.id for contact in found), refused


def test_a_record_that_hubspot_breaks_on_does_not_hold_up_its_batch() -> None:
    """A batch that ends in a server error is read in halves: the neighbours are seen, the one to blame is not."""
    calls: list[int] = []
    found, refused = _read_around("5", calls)
    assert found == ["0", "1", "2", "3", "4", "6", "7"]
    assert refused == {"5": Unreadable("crm_error")}
    assert calls == [8, 4, 4, 2, 1, 1, 2]


def test_a_server_error_on_a_single_record_is_told() -> None:
    """Of one record alone nobody can say whether it or HubSpot is to blame: it is tried again later."""

    def read(_part: list[str]) -> list[Contact]:
        raise CrmUncertainError("crm_error")

    with pytest.raises(CrmUncertainError):
        split(["1"], read, lambda _: None, {})
