"""How far the work is: counters and what is still to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lead_store.domain.conflict import open_conflicts
from lead_store.domain.errors import NotFound
from lead_store.domain.rules import Target
from lead_store.domain.work_item import WorkItem
from lead_store.mongo.store import Store
from lead_store.usecases.loops import APPLYING, ROUTING, Loops, LoopState


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """The statistics of one integration."""

    counters: Mapping[str, Any]
    pending: int
    oldest_pending_seconds: int
    conflicts: int
    failed_work: int
    loops: tuple[LoopState, ...]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is still to do in the whole database."""

    due: int
    failed: int
    oldest_due_seconds: float
    unrouted: int
    unroutable: int


@dataclass(frozen=True, slots=True)
class Status:
    """Looking at work."""

    store: Store
    loops: Loops = field(default_factory=Loops)

    def target(self, tenant_id: str, integration_id: str) -> Target:
        """The tenant's target."""
        target = self.store.targets.get(integration_id, tenant_id)
        if target is None:
            raise NotFound("integration_not_found", f"no integration {integration_id} in this tenant")
        return target

    def backlog(self) -> Backlog:
        """What is still to do, for all tenants together."""
        oldest = self.store.work_lists.oldest_due()
        waiting = (self.store.now() - oldest).total_seconds() if oldest else 0.0
        return Backlog(
            due=self.store.work_lists.count_due(),
            failed=self.store.work_lists.count_failed(),
            oldest_due_seconds=max(0.0, waiting),
            unrouted=self.store.deliveries.count("new"),
            unroutable=self.store.deliveries.count("unroutable"),
        )

    def of(self, tenant_id: str, integration_id: str) -> SyncStatus:
        """The statistics of an integration."""
        target = self.target(tenant_id, integration_id)
        loops = (self.loops.get(ROUTING, "/".join(target.account)), self.loops.get(APPLYING, integration_id))
        leads = self.store.leads.all_with_conflicts(tenant_id, integration_id)
        oldest = self.store.work_lists.oldest_due(integration_id)
        waiting = (self.store.now() - oldest).total_seconds() if oldest else 0.0
        return SyncStatus(
            counters=self.store.counters.get(integration_id),
            pending=self.store.work_lists.count_due(integration_id),
            oldest_pending_seconds=max(0, int(waiting)),
            conflicts=sum(len(list(open_conflicts(lead, integration_id))) for lead in leads),
            failed_work=self.store.work_lists.count_failed(integration_id),
            loops=tuple(state for state in loops if state is not None),
        )

    def work(
        self, tenant_id: str, integration_id: str, state: str, after: str, limit: int
    ) -> tuple[list[WorkItem], datetime]:
        """Work items that are not idle, by id, and the database's clock to judge them by."""
        now, own = self.store.now(), self.store.targets.of_tenant(tenant_id)
        ids = [target.integration_id for target in own if integration_id in ("", target.integration_id)]
        return self.store.work_lists.page(tenant_id, ids, state, now, after, limit), now
