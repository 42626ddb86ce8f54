"""The deliveries of one account that wait to be routed, as far as they have been looked for. Pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate, takewhile

from lead_store.domain.delivery import Delivery

MOST_FOUND = 200  # deliveries that one look finds
DELIVERY_WEIGHT = 3  # touches that cost as much as a delivery does beside its touches
SHORTEST, LONGEST = timedelta(milliseconds=5), timedelta(days=1)


@dataclass(slots=True)
class Backlog:
    """An account's deliveries, found by looks at everything that was recorded up to a moment. The moment moves on.

    Its steps become longer or shorter, so that one look finds few deliveries however many wait: asked for all of them,
    the embedded server reads all before it gives the first. What is routed is not found again, so each look finds what
    was left before and one step more.
    """

    until: datetime
    last: datetime  # nothing is known to have been recorded later
    step: timedelta = timedelta(seconds=1)
    found: list[Delivery] = field(default_factory=list)
    over: bool = False  # there is nothing left but what has been found

    def extend(self, last: datetime) -> None:
        """Go on at least so far."""
        self.last, self.over = max(self.last, last), False

    def add(self, found: list[Delivery]) -> None:
        """Take what a look has found, and move on for the next one."""
        self.found += found
        if len(found) == MOST_FOUND:
            self.step = max(self.step / 2, SHORTEST)
        elif self.until >= self.last:
            self.over = True
        else:
            if len(found) < MOST_FOUND / 4:
                self.step = min(self.step * 2, LONGEST)
            self.until = min(self.until + self.step, self.last)

    def take(self, touches: int) -> list[Delivery]:
        """Take out the first of what was found, of about so many touches; at least one delivery if there is any."""
        weights = accumulate(DELIVERY_WEIGHT + len(delivery.touches) for delivery in self.found)
        size = max(1, sum(1 for _ in takewhile(touches.__ge__, weights)))
        taken, self.found = self.found[:size], self.found[size:]
        return taken
