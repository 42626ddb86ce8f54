"""Dry runs, a page at a time: read what the run would read, let lead-store plan it, and store the plan.

A page may be planned twice, which is harmless. The run would take the calls that are made here to read the page,
history included, and those of its further batches (`domain.forecast`). Not counted are the calls that follow from the
webhooks of its own writes, and calls that fail and are repeated.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.crm import Crm
from crm_connector.domain.errors import MissingScopesError
from crm_connector.domain.forecast import forecast, planned
from crm_connector.domain.observation import Decision, Lease, Observation, Outcome, Present, Unread
from crm_connector.domain.run import Run, RunKind, RunState
from crm_connector.mongo.planned import MongoPlannedRecords
from crm_connector.usecases.runs import lead_page, total_records

_LEADS_PER_PAGE = 100
_READ_SECONDS = 10.0
_UNDECIDED = Decision("", Outcome.NEEDS_READING)
_Planned = list[tuple[Lease, Decision]]


@dataclass(frozen=True, slots=True)
class Planner:
    """Works pages of dry runs. `crm` gives the client of an integration, `calls` counts the calls of the thread."""

    store: GrpcLeadStore
    crm: Callable[[str], Crm]
    stored: MongoPlannedRecords
    calls: Callable[[], int]
    now: Callable[[], datetime]

    def page(self, run: Run, goes_on: Callable[[Run], bool]) -> Run:
        """Plan the next page: the run after it. `goes_on` renews the run's lease; False = stop before the page."""
        before, crm = self.calls(), self.crm(run.integration_id)
        if run.proposed:
            crm = crm.mapped(run.proposed.field_mapping)
        plan = self._records if run.kind is RunKind.IMPORT else self._leads
        run, found, position = plan(run, crm, goes_on)
        if found is None:
            return run
        records = [planned(lease, decision) for lease, decision in found]
        self.stored.put(run.run_id, [record for record in records if record.is_listed], self.now())
        handed_over = sum(lease.looks_for_lead and bool(decision.record_id) for lease, decision in found)
        counted = forecast([decision for _, decision in found], handed_over)
        after = run.planned(counted, self.calls() - before, position)
        return after if position else after.ended(RunState.SUCCEEDED, self.now())

    def _records(self, run: Run, crm: Crm, goes_on: Callable[[Run], bool]) -> tuple[Run, _Planned | None, str]:
        """Plan a page of the CRM's records."""
        page = crm.all_records(run.position, _soon())
        if run.fresh:
            run = replace(run, total=total_records(crm))
        if not goes_on(run):
            return run, None, ""
        unread = [(Lease("", 0, record.record_id), _UNDECIDED) for record in page.unread]
        return run, [*self._decided(run, crm, page.records, ()), *unread], str(page.next_position or "")

    def _leads(self, run: Run, crm: Crm, goes_on: Callable[[Run], bool]) -> tuple[Run, _Planned | None, str]:
        """Plan a page of leads."""
        if run.fresh and (missing := crm.account(writes=True).missing_scopes):
            raise MissingScopesError(scopes=missing)
        lead_ids, position = lead_page(self.store, run, _LEADS_PER_PAGE)
        if not goes_on(run):
            return run, None, position
        leases = self.store.plan_leads(run.tenant_id, run.integration_id, lead_ids) if lead_ids else []
        known = {lease.lead_id for lease in leases}
        gone = [_gone(lead_id) for lead_id in lead_ids if lead_id not in known]
        return run, self._decided(run, crm, (), leases) + gone, position

    def _decided(self, run: Run, crm: Crm, records: Sequence[Present], leases: Sequence[Lease]) -> _Planned:
        """Let lead-store plan records that were read, or leases. Where it needs history, read again, after the others.

        What could not be read counts as waiting.

        The real work has the same order. All records are planned again then, for each is planned as if those before it
        had been carried out.
        """
        seen = _read(crm, leases) if leases else []
        decisions = self._ask(run, crm, records, seen)
        read = list(zip(records, decisions, strict=False))  # what was seen of leases comes after the records
        leases_by_id = {one.work_item_id: Lease(one.work_item_id, 0, record.record_id) for record, one in read}
        leases_by_id |= {lease.work_item_id: lease for lease in leases}
        unsure = {one.work_item_id for one in decisions if one.outcome is not Outcome.DECIDED}
        if unsure:
            unread = [
                replace(lease, history=True) for work_item_id, lease in leases_by_id.items() if work_item_id in unsure
            ]
            again = _read(crm, unread)
            sure = [record for record, one in read if one.work_item_id not in unsure]
            decisions = self._ask(run, crm, sure, [*(one for one in seen if one.work_item_id not in unsure), *again])
        by_work_item = {one.work_item_id: one for one in decisions}
        return [(lease, by_work_item.get(work_item_id, _UNDECIDED)) for work_item_id, lease in leases_by_id.items()]

    def _ask(self, run: Run, crm: Crm, records: Sequence[Present], seen: Sequence[Observation]) -> list[Decision]:
        if not records and not seen:
            return []
        proposed = (run.proposed, crm.capabilities) if run.proposed else None
        return self.store.plan(run.integration_id, records, seen, proposed, push=run.kind is RunKind.PUSH)


def _gone(lead_id: str) -> tuple[Lease, Decision]:
    """Plan for a lead that the tenant does not have any more."""
    decision = Decision("", Outcome.DECIDED, "skipped", reason="lead_not_found", lead_id=lead_id)
    return Lease(f"lead/{lead_id}", 0, lead_id=lead_id), decision


def _read(crm: Crm, leases: Sequence[Lease]) -> list[Observation]:
    """Read the records of leases, as far as the CRM shows them."""
    return [one for one in crm.observe(leases, _soon()) if not isinstance(one.state, Unread)]


def _soon() -> float:
    return time.monotonic() + _READ_SECONDS
