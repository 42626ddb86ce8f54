"""What recording and routing know of each other in one process: that deliveries came, and how busy recording is."""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from lead_store.domain.delivery import Delivery
from lead_store.domain.rules import Account

QUIET_SECONDS = 0.1
Span = tuple[datetime, datetime]  # when the first and the last of some deliveries were recorded


class Arrivals:
    """Wakes the router, and says how much recording there is: a CRM waits for that, and not for routing."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._kept: dict[Account, Span] = {}
        self._anywhere = False
        self._closed = False
        self._under_way = 0
        self._since = 0.0
        self._busy = 0.0
        self.together = 0  # deliveries of the last recording: the more it has, the more requests wait at the gateway

    @contextmanager
    def recording(self, deliveries: Sequence[Delivery], now: datetime) -> Iterator[None]:
        """Count as recording, as of `now`, until the block ends. Even if it fails, some deliveries may be kept."""
        self.together = len(deliveries)
        self._count(1)
        try:
            yield
        except BaseException:
            self.look_anywhere()
            raise
        else:
            self._add({delivery.account for delivery in deliveries}, now)
        finally:
            self._count(-1)

    def look_anywhere(self) -> None:
        """Say that there is something to route, but not of which account."""
        with self._changed:
            self._anywhere = True
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait for something to route."""
        with self._changed:
            self._changed.wait_for(lambda: self._kept or self._anywhere or self._closed, seconds)

    def taken(self) -> tuple[dict[Account, Span], bool]:
        """What has come since the last call: of these accounts, and if true perhaps of others too."""
        with self._changed:
            kept, anywhere = self._kept, self._anywhere
            self._kept, self._anywhere = {}, False
            return kept, anywhere

    def quiet(self) -> bool:
        """Whether nothing has been recorded for a while."""
        with self._changed:
            return not self._under_way and time.monotonic() - self._since > QUIET_SECONDS

    def busy_seconds(self) -> float:
        """For how many seconds in all something was being recorded."""
        with self._changed:
            return self._busy + (time.monotonic() - self._since if self._under_way else 0.0)

    def close(self) -> None:
        """End all waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _add(self, accounts: Iterable[Account], now: datetime) -> None:
        with self._changed:
            for account in accounts:
                first, last = self._kept.get(account, (now, now))
                self._kept[account] = min(first, now), max(last, now)
            self._changed.notify_all()

    def _count(self, change: int) -> None:
        with self._changed:
            now = time.monotonic()
            self._busy += now - self._since if self._under_way else 0.0
            self._since, self._under_way = now, self._under_way + change
