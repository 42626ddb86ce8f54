"""The inbox: keep deliveries, and show them to people. The acknowledgement depends on keeping them alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from lead_store.domain.delivery import Delivery, DeliveryQuery, KeptDelivery
from lead_store.domain.errors import Invalid, NotFound
from lead_store.domain.work_item import WorkItem
from lead_store.mongo.store import Store
from lead_store.usecases.arrivals import Arrivals

MOST_DELIVERIES = 1_000
PAGE_BYTES = 1024 * 1024  # of events; then a page ends, with at least one delivery on it


@dataclass(frozen=True, slots=True)
class SeenDelivery:
    """A delivery, and the work items of the records it touches as they stand at `now`."""

    kept: KeptDelivery
    now: datetime
    work_items: tuple[WorkItem, ...]


@dataclass(frozen=True, slots=True)
class Inbox:
    """Keeps deliveries. `now` is the database's clock, perhaps some milliseconds late: no decision depends on it."""

    store: Store
    arrivals: Arrivals
    now: Callable[[], datetime]

    def record(self, deliveries: list[Delivery]) -> list[bool]:
        """Keep deliveries durably; True for each that had been kept before. Routing follows by itself."""
        if not 1 <= len(deliveries) <= MOST_DELIVERIES:
            raise Invalid("deliveries", f"send 1 to {MOST_DELIVERIES} deliveries in one call")
        now = self.now()
        with self.arrivals.recording(deliveries, now):
            duplicates = self.store.deliveries.insert(deliveries, now)
        return [position in duplicates for position in range(len(deliveries))]

    def get(self, tenant_id: str, key: str) -> SeenDelivery:
        """A kept delivery and where the work on its records stands."""
        kept = self.store.shown_deliveries.get(tenant_id, key)
        if kept is None:
            raise NotFound("delivery_not_found", f"no delivery {key} in this tenant")
        return self._seen([kept])[0]

    def page(
        self, query: DeliveryQuery, lead_id: str, before: tuple[datetime, str] | None, limit: int
    ) -> tuple[list[SeenDelivery], bool]:
        """Some kept deliveries, newest first, and whether there are more; with `lead_id` only of its records.

        There are `limit` of them at most, and fewer where they are large.
        """
        if lead_id:
            lead = self.store.leads.get(query.tenant_id, lead_id)
            known = lead.record_ids if lead is not None else ()
            query = replace(query, record_ids=tuple(r for r in known if query.record_ids in (None, (r,))))
        page: list[KeptDelivery] = []
        size = 0
        for kept in self.store.shown_deliveries.page(query, before, limit + 1):
            if len(page) == limit or size >= PAGE_BYTES:
                return self._seen(page), True
            page.append(kept)
            size += len(kept.delivery.events)
        return self._seen(page), False

    def _seen(self, kept: list[KeptDelivery]) -> list[SeenDelivery]:
        records = {(k.integration_id, touch.record_id) for k in kept for touch in k.delivery.touches}
        work_items, now = self.store.work_lists.of_records(records), self.store.now()
        return [SeenDelivery(k, now, tuple(work_items[r] for r in _records(k) if r in work_items)) for k in kept]


def _records(kept: KeptDelivery) -> list[tuple[str, str]]:
    return sorted({(kept.integration_id, touch.record_id) for touch in kept.delivery.touches})
