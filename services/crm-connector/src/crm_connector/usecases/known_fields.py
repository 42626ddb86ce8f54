"""The CRM's properties as people look at them: read for many looks at once, and only if nothing more urgent waits."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from crm_connector.crm import Crm
from crm_connector.domain.integration import Integration
from crm_connector.domain.mapping import CrmField

_GOOD_FOR = 60.0  # seconds


@dataclass(slots=True)
class _Entry:
    """What was read of one integration; its lock lets one reader ask the CRM, and the others wait for the answer."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    revision: int = 0
    until: float = 0.0
    fields: Sequence[CrmField] = ()


class KnownFields:
    """Keeps properties for a minute, or until the integration changes."""

    def __init__(self, low_priority: Callable[[str], Crm], monotonic: Callable[[], float] = time.monotonic) -> None:
        """`low_priority` gives the client for what may wait: whoever looks must not delay the sync."""
        self._crm = low_priority
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def of(self, integration: Integration) -> Sequence[CrmField]:
        """Give the properties; raises what the CRM's client raises."""
        with self._lock:
            now = self._monotonic()
            self._entries = {key: one for key, one in self._entries.items() if one.until > now or one.lock.locked()}
            entry = self._entries.setdefault(integration.integration_id, _Entry())
        with entry.lock:
            if entry.revision != integration.revision or self._monotonic() >= entry.until:
                entry.fields = self._crm(integration.integration_id).schema().fields
                entry.revision, entry.until = integration.revision, self._monotonic() + _GOOD_FOR
            return entry.fields
