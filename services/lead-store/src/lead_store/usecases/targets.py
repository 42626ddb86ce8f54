"""Targets: which integration wants which account's deliveries, and by what rules its fields are merged."""

from dataclasses import dataclass, replace

from lead_store.domain.errors import AlreadyExists
from lead_store.domain.lead import Lead
from lead_store.domain.rules import Target
from lead_store.domain.work_item import push_of
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Contended, Session
from lead_store.usecases.arrivals import Arrivals

DETACH_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Targets:
    """The use cases of crm-connector's integrations."""

    store: Store
    arrivals: Arrivals

    def put(self, target: Target, run_id: str = "") -> int:
        """Store a target; deliveries that waited for its account become work.

        Changed rules, mapping, matching or direction make all its work items due, behind live work (R19): a first
        page here,
        the others as these are worked off. The number of work items; 0 if nothing has changed, or another run told of
        it.
        """
        store, integration_id = self.store, target.integration_id
        if not store.targets.put(target):
            raise AlreadyExists("account_connected", "another integration has this account")
        run_id = run_id or f"rules-{target.revision}"
        store.applying.begin(target, run_id)
        if store.deliveries.reopen(target.provider, target.account_id):
            self.arrivals.look_anywhere()
        run = store.applying.get(integration_id)
        return run.queued if run is not None and run.run_id == run_id else 0

    def remove(self, tenant_id: str, integration_id: str) -> None:
        """Forget a target: no more work, and its links are detached. Leads stay. Repeating it is harmless."""
        if self.store.targets.get(integration_id) is not None and not self.store.targets.get(integration_id, tenant_id):
            return
        self.store.targets.remove(tenant_id, integration_id)
        self.store.work_items.drop(integration_id)
        after = ""
        while leads := self.store.leads.linked_to(integration_id, after, DETACH_AT_ONCE):
            for lead in leads:
                self._detach(lead, integration_id)
            after = leads[-1].lead_id

    def request_sync(self, target: Target, lead_ids: list[str], run_id: str) -> int:
        """Make leads due, also those whose record was detached (R13). Unknown and deleted ones are left out."""
        leads = self.store.leads.by_ids(target.tenant_id, lead_ids)
        touches = [push_of(lead, target, run_id) for lead in leads.values() if lead.deleted_at is None]
        return self.store.work_items.touch(touches)

    def redrive(self, target: Target, reason: str, work_item_ids: list[str], per_second: int, *, dry_run: bool) -> int:
        """Make failed work of an integration due again: all, that of a reason, or these work items.

        Or only count it.
        """
        failed = self.store.work_items.failed(target.tenant_id, target.integration_id, reason, work_item_ids)
        return len(failed) if dry_run else self.store.work_items.redrive(failed, per_second)

    def run_work(self, target: Target, run_id: str) -> tuple[int, int]:
        """How many work items of a run are still to do, and how many have failed."""
        run = self.store.applying.get(
            target.integration_id
        )  # first: work items made due meanwhile count twice, not never
        pending, failed = self.store.work_items.run_work(target.integration_id, run_id)
        return pending + (run.left if run is not None and run.run_id == run_id else 0), failed

    def drop_run_work(self, target: Target, run_id: str) -> int:
        """Let go of a run's work that nobody has begun."""
        untold = self.store.applying.stop(target.integration_id, run_id)
        return untold + self.store.work_items.drop_run(
            target.tenant_id, target.integration_id, run_id, self.store.now()
        )

    def _detach(self, lead: Lead, integration_id: str) -> None:
        def work(session: Session) -> None:
            current = self.store.leads.get(lead.tenant_id, lead.lead_id, session)
            link = current.link(integration_id) if current else None
            if current is None or link is None or link.detached_reason:
                return
            gone = replace(link, detached_reason="integration_removed")
            if not self.store.leads.replace([current.with_link(gone)], session):
                raise Contended

        self.store.transact(work, tries=10)
