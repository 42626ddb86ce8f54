"""A circuit breaker for one account as pure state: the clock and chance are arguments (monotonic seconds, [0, 1)).

While it is closed, every call goes out. After a few failures in a row it opens: nothing goes out for a while, so that a
CRM that is down is not called for every batch. Then one call goes out as a test: its success closes the breaker, its
failure opens it for longer.
"""

from dataclasses import dataclass, field, replace

from crm_connector.domain.retry import Backoff, Retries

FAILURES = 5  # in a row, that open it


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """Failures in a row, how often it has opened since it last was closed, and until when it is open.

    `waits` says how long it stays open. `testing` = the one call is on its way.
    """

    waits: Backoff = field(default=Retries().breaker)
    failures: int = 0
    opened: int = 0
    until: float = 0.0
    testing: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it has opened and no test has succeeded since."""
        return self.opened > 0


def admit(breaker: CircuitBreaker, now: float, test_seconds: float) -> tuple[CircuitBreaker, float]:
    """Let a call through: (new state, 0.0), or (state, seconds to wait).

    A test without an answer for `test_seconds` counts as lost, and the next call is the test.
    """
    if not breaker.is_open:
        return breaker, 0.0
    if now < breaker.until:
        return breaker, breaker.until - now
    return replace(breaker, testing=True, until=now + test_seconds), 0.0


def succeeded(breaker: CircuitBreaker) -> CircuitBreaker:
    """Note an answer, whatever it says: the CRM works. The answer to a call from before it opened does not close it."""
    return CircuitBreaker(breaker.waits) if breaker.testing or not breaker.is_open else breaker


def failed(breaker: CircuitBreaker, now: float, chance: float) -> CircuitBreaker:
    """Note that a call got no answer, or a server error."""
    failures = breaker.failures + 1
    if breaker.is_open and not breaker.testing:
        return breaker  # a call from before it opened
    if not breaker.testing and failures < FAILURES:
        return replace(breaker, failures=failures)
    opened = breaker.opened + 1
    return CircuitBreaker(breaker.waits, failures, opened, now + breaker.waits.wait(opened, chance))
