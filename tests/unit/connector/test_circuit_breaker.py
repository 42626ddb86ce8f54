"""The circuit breaker of an account: pure."""

from crm_connector.domain import circuit_breaker
from crm_connector.domain.retry import Backoff
from hypothesis import given
from hypothesis import strategies as st


def _broken(times: int, now: float = 0.0) -> circuit_breaker.CircuitBreaker:
    state = circuit_breaker.CircuitBreaker()
    for _ in range(times):
        state = circuit_breaker.failed(state, now, 1.0)
    return state


def test_it_opens_after_five_failures_in_a_row() -> None:
    """Four failures let the next call through, the fifth holds it back for a while."""
    assert circuit_breaker.admit(_broken(4), 0.0, 30.0)[1] == 0.0
    assert circuit_breaker.admit(_broken(5), 0.0, 30.0)[1] == 5.0
    assert not circuit_breaker.succeeded(_broken(4)).is_open
    assert circuit_breaker.succeeded(_broken(4)).failures == 0


def test_one_call_is_the_test() -> None:
    """After the wait a single call goes out: its success closes the breaker, its failure opens it for longer."""
    state, wait = circuit_breaker.admit(_broken(5), 5.0, 30.0)
    assert wait == 0.0
    assert circuit_breaker.admit(state, 5.0, 30.0)[1] == 30.0
    assert circuit_breaker.succeeded(state) == circuit_breaker.CircuitBreaker()
    assert circuit_breaker.admit(circuit_breaker.failed(state, 6.0, 1.0), 6.0, 30.0)[1] == 10.0


def test_answers_to_older_calls_do_not_decide() -> None:
    """A call that was under way when the breaker opened neither closes it nor opens it for longer."""
    state = _broken(5)
    assert circuit_breaker.succeeded(state) == state
    assert circuit_breaker.failed(state, 1.0, 1.0) == state


@given(st.lists(st.sampled_from(["fail", "succeed", "wait"]), max_size=60))
def test_nobody_waits_longer_than_a_minute(steps: list[str]) -> None:
    """Whatever happens, the next call is at most a minute away."""
    state, now = circuit_breaker.CircuitBreaker(), 0.0
    for step in steps:
        state, wait = circuit_breaker.admit(state, now, 30.0)
        assert wait <= 60.0
        if step == "fail":
            state = circuit_breaker.failed(state, now, 1.0)
        elif step == "succeed":
            state = circuit_breaker.succeeded(state)
        now += wait


def test_it_is_still_tested_after_days_of_failures() -> None:
    """However often the breaker has opened, a failed test opens it for a minute, and a successful one closes it."""
    state, now = _broken(circuit_breaker.FAILURES), 0.0
    for _ in range(3_000):
        now += 60.0
        state = circuit_breaker.failed(circuit_breaker.admit(state, now, 30.0)[0], now, 1.0)
    assert circuit_breaker.admit(state, now, 30.0)[1] == 60.0
    assert (
        circuit_breaker.succeeded(circuit_breaker.admit(state, now + 60.0, 30.0)[0]) == circuit_breaker.CircuitBreaker()
    )


def test_waits_can_be_shorter_and_have_jitter() -> None:
    """Chance decides half of a wait, and what the breaker was made with holds after it was closed, too."""
    waits = Backoff(1.0, 4.0, jitter=0.5)
    state = circuit_breaker.CircuitBreaker(waits)
    for _ in range(circuit_breaker.FAILURES):
        state = circuit_breaker.failed(state, 0.0, 0.0)

    assert state.until == 0.5
    state, _ = circuit_breaker.admit(state, 1.0, 30.0)
    assert circuit_breaker.succeeded(state) == circuit_breaker.CircuitBreaker(waits)
