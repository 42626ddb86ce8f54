"""When to leave lead-store alone: after failures in a row it is asked nothing for a moment, then one probe. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class Breaker:
    """Open = calls are refused. Times are seconds of one monotonic clock, given by the caller."""

    failures: int = 2  # in a row
    pause_seconds: float = 1.0
    probe_seconds: float = 5.0  # by then a probe that has not been heard of is taken for lost
    _failed: int = 0
    _until: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether all but a probe is refused."""
        return self._failed >= self.failures

    def refuses(self, now: float) -> bool:
        """Whether a call would be refused now."""
        return self.is_open and now < self._until

    def take(self, now: float) -> bool:
        """Ask to call; while it is open, one caller after each pause may, and everybody waits for what it finds."""
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
