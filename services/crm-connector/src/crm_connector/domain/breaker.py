"""A circuit breaker for one account as pure state: the clock and chance are arguments (monotonic seconds, [0, 1)).

Closed, it lets everything through. After a few failures in a row it opens: nothing goes out for a while, so that a CRM
that is down is not called for every batch. Then one call probes: it closes the breaker, or opens it for longer.
"""

from dataclasses import dataclass, replace

FAILURES = 5  # in a row, that open it
_FIRST_OPEN = 5.0
_LONGEST_OPEN = 60.0
_MOST_DOUBLINGS = 10  # the longest wait is reached before; a CRM may be down for days


@dataclass(frozen=True, slots=True)
class Breaker:
    """Failures in a row, how often it opened since it last was closed, and until when it is open."""

    failures: int = 0
    opened: int = 0
    until: float = 0.0
    probing: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it opened and no probe has succeeded since."""
        return self.opened > 0


def admit(breaker: Breaker, now: float, probe_seconds: float) -> tuple[Breaker, float]:
    """Let a call through: (new state, 0.0), or (state, seconds to wait).

    A probe that says nothing for `probe_seconds` counts as lost, and the next call probes.
    """
    if not breaker.is_open:
        return breaker, 0.0
    if now < breaker.until:
        return breaker, breaker.until - now
    return replace(breaker, probing=True, until=now + probe_seconds), 0.0


def succeeded(breaker: Breaker) -> Breaker:
    """Note an answer, whatever it says: the CRM is there. One to a call from before it opened does not close it."""
    return Breaker() if breaker.probing or not breaker.is_open else breaker


def failed(breaker: Breaker, now: float, chance: float) -> Breaker:
    """Note that a call got no answer, or an error of the CRM's own. Waits have jitter of a half."""
    failures = breaker.failures + 1
    if breaker.is_open and not breaker.probing:
        return breaker  # a call from before it opened
    if not breaker.probing and failures < FAILURES:
        return replace(breaker, failures=failures)
    longest = min(_LONGEST_OPEN, _FIRST_OPEN * 2 ** min(breaker.opened, _MOST_DOUBLINGS))
    return Breaker(failures, breaker.opened + 1, now + longest * (0.5 + chance / 2))
