"""The deliveries of one account that wait to be routed, as far as they have been looked for. Pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate, takewhile

from lead_store.domain.delivery import Delivery

MOST_FOUND = 200  # deliveries that one look finds
DELIVERY_WEIGHT = 3  # touches that cost as much as a delivery does beside its touches
SHORTEST, LONGEST = timedelta(milliseconds=5), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Batch:
    """What is routed at once. A large delivery comes in parts: it is `ended` only with its last one."""

    parts: list[Delivery] = field(default_factory=list)  # deliveries, each with those of its touches that are routed
    ended: list[Delivery] = field(default_factory=list)  # whole deliveries that nothing is left of


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
    begun: int = 0  # touches of the first one that have been taken out
    begun_for: str = ""  # the integration that they were for
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

    def take(self, touches: int, integration_id: str = "") -> Batch:
        """Take out the first of what was found, of about so many touches; of one that alone has more, a part.

        Its parts are all for one integration. For none, a delivery is never parted.
        """
        weights = accumulate(DELIVERY_WEIGHT + len(delivery.touches) for delivery in self.found)
        size = sum(1 for _ in takewhile(touches.__ge__, weights))
        if size == 0 and self.found and integration_id:
            return self._take_part(touches, integration_id)
        size, self.begun = max(size, 1), 0
        taken, self.found = self.found[:size], self.found[size:]
        return Batch(taken, taken)

    def _take_part(self, touches: int, integration_id: str) -> Batch:
        first, begin = self.found[0], self.begun if self.begun_for == integration_id else 0
        self.begun, self.begun_for = begin + touches, integration_id
        part = first._replace(touches=first.touches[begin : self.begun])
        if self.begun < len(first.touches):
            return Batch([part])
        self.begun = 0
        del self.found[0]
        return Batch([part], [first])
