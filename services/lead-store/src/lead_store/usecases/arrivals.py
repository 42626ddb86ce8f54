"""What recording and routing know of each other in one process: that something came, and how busy the way in is."""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from lead_store.domain.delivery import Account, Delivery

QUIET_SECONDS = 0.1
Span = tuple[datetime, datetime]  # when the first and the last of some deliveries were recorded


class Arrivals:
    """Wakes the router, and tells it how much to give way: for its answer a CRM waits, for routing nobody does."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._kept: dict[Account, Span] = {}
        self._anywhere = False
        self._closed = False
        self._under_way = 0
        self._since = 0.0
        self._busy = 0.0
        self.together = 0  # how many deliveries came with the last recording: the more, the more wait at the gateway

    @contextmanager
    def recording(self, deliveries: Sequence[Delivery], now: datetime) -> Iterator[None]:
        """Record deliveries, as of `now`, until the block ends; even if it fails, some may have been kept."""
        self.together = len(deliveries)
        self._count(1)
        try:
            yield
        except BaseException:
            self.look_anywhere()
            raise
        else:
            self._tell({delivery.account for delivery in deliveries}, now)
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
        """What has come and was not taken yet: of these accounts, and if true perhaps of others too."""
        with self._changed:
            kept, anywhere = self._kept, self._anywhere
            self._kept, self._anywhere = {}, False
            return kept, anywhere

    def quiet(self) -> bool:
        """Whether nothing has been recorded for a while."""
        with self._changed:
            return not self._under_way and time.monotonic() - self._since > QUIET_SECONDS

    def busy_seconds(self) -> float:
        """For how long, all in all, something has been being recorded."""
        with self._changed:
            return self._busy + (time.monotonic() - self._since if self._under_way else 0.0)

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _tell(self, accounts: Iterable[Account], now: datetime) -> None:
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
