"""Up to which moment the router looks for new deliveries. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

SHORTEST, LONGEST = timedelta(milliseconds=5), timedelta(days=1)


@dataclass(slots=True)
class Horizon:
    """Moves on in steps that are as long as one look is worth: few deliveries are found at once, however many wait.

    A look asks for all that was recorded until then. What is routed is not found again, so each finds what is left
    behind and one step more; asking for everything makes the embedded server read it all for the first of them.
    """

    until: datetime
    step: timedelta = timedelta(seconds=1)

    def move(self, found: int, most: int, now: datetime) -> bool:
        """Move on after a look that found so many of at most so many; False if nothing can be left at `now`."""
        if found == most:
            self.step = max(self.step / 2, SHORTEST)
            return True
        if self.until >= now:
            return False
        if found < most / 4:
            self.step = min(self.step * 2, LONGEST)
        self.until = min(self.until + self.step, now)
        return True
