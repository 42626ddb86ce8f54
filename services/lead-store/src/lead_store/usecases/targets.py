"""Targets: which integration gets which account's deliveries, and by what rules its fields are merged."""

from dataclasses import dataclass, replace

from lead_store.domain.errors import AlreadyExists
from lead_store.domain.lead import Lead
from lead_store.domain.reasons import OF_CREDENTIAL
from lead_store.domain.retry import spread
from lead_store.domain.rules import Target
from lead_store.domain.work_item import push_of
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Contended, Session
from lead_store.usecases.applying import Apply
from lead_store.usecases.arrivals import Arrivals

DETACH_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Targets:
    """The use cases of crm-connector's integrations."""

    store: Store
    arrivals: Arrivals
    apply: Apply

    def put(self, target: Target, run_id: str = "") -> int:
        """Store a target. Deliveries that waited for its account become work.

        Changed rules, mapping, matching or direction make all its work items due, behind live work (R19): the first
        part here, the others when these are done. Answers the number of work items; 0 if nothing has changed, or if
        another run applies the change already.
        """
        store, integration_id = self.store, target.integration_id
        if not store.targets.put(target, target.typed(store.lead_fields.get(target.tenant_id)).fingerprint):
            raise AlreadyExists("account_connected", "another integration has this account")
        run_id = run_id or f"rules-{target.revision}"
        self.apply.begin(target.typed(store.lead_fields.get(target.tenant_id)), run_id)  # as they are by now
        if store.deliveries.reopen(target.provider, target.account_id):
            self.arrivals.look_anywhere()
        run = self.apply.of(integration_id, run_id)
        return run.queued if run is not None else 0

    def apply_types(self, tenant_id: str, revision: int) -> None:
        """Let changed types of a tenant's fields reach its targets: their work items become due (R19)."""
        fields = self.store.lead_fields.get(tenant_id)
        for target in self.store.targets.of_tenant(tenant_id):
            self.apply.begin(target.typed(fields), f"types-{revision}")

    def remove(self, tenant_id: str, integration_id: str) -> None:
        """Forget a target: no more work, and its links are detached. Leads stay. Repeating it is harmless."""
        if self.store.targets.get(integration_id) is not None and not self.store.targets.get(integration_id, tenant_id):
            return
        self.store.targets.remove(tenant_id, integration_id)
        self.store.work_lists.drop_integration(integration_id)
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
        """Make failed work of an integration due again: all, that of a reason, or these work items. Or only count it.

        `per_second` spreads it; 0 = all at once. For deletions beyond the cap this is the consent to them.
        """
        failed = self.store.work_lists.failed(target.tenant_id, target.integration_id, reason, work_item_ids)
        if dry_run:
            return len(failed)
        due_at = spread(self.store.now(), len(failed), per_second)
        return self.store.work_items.redrive(
            failed, due_at, [one.reason in {"delete_cap", "clear_cap"} for one in failed]
        )

    def credential_renewed(self, target: Target) -> int:
        """Make due what waits or has failed for a reason that a new credential may have ended; answers how much."""
        now = self.store.now()
        waiting = self.store.work_lists.end_waits(target.integration_id, OF_CREDENTIAL, now)
        return waiting + sum(self.redrive(target, reason, [], 0, dry_run=False) for reason in OF_CREDENTIAL)

    def run_work(self, target: Target, run_id: str) -> tuple[int, int]:
        """How many work items of a run are still to do, and how many have failed."""
        run = self.apply.of(target.integration_id, run_id)  # first: what becomes due meanwhile counts twice, not never
        pending, failed = self.store.work_lists.run_work(target.integration_id, run_id)
        return pending + (run.left if run is not None else 0), failed

    def drop_run_work(self, target: Target, run_id: str) -> int:
        """Drop the work of a run that has not begun, and answer how much that was."""
        not_due = self.apply.stop(target.integration_id, run_id)
        now = self.store.now()
        return not_due + self.store.work_lists.drop_run(target.tenant_id, target.integration_id, run_id, now)

    def _detach(self, lead: Lead, integration_id: str) -> None:
        def work(session: Session) -> None:
            current = self.store.leads.get(lead.tenant_id, lead.lead_id, session)
            link = current.link(integration_id) if current else None
            if current is None or link is None or link.detached_reason:
                return
            # No other integration goes by its base, and it would stay with the lead for good.
            gone = replace(link, detached_reason="integration_removed", base={})
            if not self.store.leads.replace([current.with_link(gone)], session):
                raise Contended

        self.store.transact(work)
