"""A circuit breaker for lead-store: after failures in a row there are no calls for a moment, then one probe. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class CircuitBreaker:
    """Open = calls are refused. Times are seconds of one monotonic clock, given by the caller."""

    failures: int = 2  # in a row
    pause_seconds: float = 1.0
    probe_seconds: float = 5.0  # after that a probe without an answer counts as lost
    _failed: int = 0
    _until: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether all but a probe is refused."""
        return self._failed >= self.failures

    def refuses(self, now: float) -> bool:
        """Whether a call would be refused now."""
        return self.is_open and now < self._until

    def allows(self, now: float) -> bool:
        """Whether the caller may call now; while the breaker is open, one probe after each pause may."""
        if self.refuses(now):
            return False
        if self.is_open:
            self._until = now + self.probe_seconds
        return True

    def succeeded(self) -> None:
        """Note that a call was answered."""
        self._failed = 0

    def failed(self, now: float) -> None:
        """Note that a call was not answered."""
        self._failed += 1
        self._until = now + self.pause_seconds
