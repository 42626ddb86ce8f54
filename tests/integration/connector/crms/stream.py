"""The stream of an account in memory."""

import time
from dataclasses import dataclass

from crm_connector.crm import StreamBatch
from crm_connector.domain.delivery import StreamEvent, Touch
from crm_connector.domain.errors import CrmUnavailableError
from integration.connector.crms.account import Account, Event

_LONGEST_WAIT = 0.05


@dataclass
class Events:
    """Reads the events of an account: positions are their numbers."""

    account: Account
    topic: str = "/records"
    closed: bool = False

    def read(self, position: str, deadline: float) -> StreamBatch:
        """Give what came since; wait a moment if nothing did."""
        self.account.called("read stream")
        if self.account.stream_fails:
            raise CrmUnavailableError("crm_unavailable")
        since = int(position) if position else len(self.account.events)
        end = min(deadline, time.monotonic() + _LONGEST_WAIT)
        while len(self.account.events) <= since and not self.closed and time.monotonic() < end:
            time.sleep(0.002)
        number = len(self.account.events)
        found = self.account.events[max(since, self.account.forgotten) : number]
        return StreamBatch(tuple(map(_event, found)), str(number), reset=since < self.account.forgotten)

    def close(self) -> None:
        """End a read that waits."""
        self.closed = True


def _event(event: Event) -> StreamEvent:
    text = f'{{"number":{event.number},"id":"{event.record_id}"}}'
    return StreamEvent(text, (Touch("record", event.record_id, event.kind),))
