"""What work would conclude, without doing it: nothing is kept, and no lease is needed.

A plan is made by the same decisions as the work itself, on the same state, each as if those before it in the call had
been carried out. It cannot know what the CRM would refuse, nor what the decisions of one call mean for another call.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from lead_store.domain.decision import Decision, Outcome, failed
from lead_store.domain.errors import Invalid, NotFound
from lead_store.domain.observation import Observation, Present
from lead_store.domain.policy import GivenPolicy, Policy, checked
from lead_store.domain.reconcile import reconcile
from lead_store.domain.retry import PRODUCTION, Waits
from lead_store.domain.rules import Target
from lead_store.domain.work_item import Notes, WorkItem, push_of, work_item_id, work_item_named
from lead_store.mongo.store import Store
from lead_store.usecases.context import read_context
from lead_store.usecases.lease import Lease


@dataclass(frozen=True, slots=True)
class Planning:
    """The use cases of checks and dry runs."""

    store: Store
    platform: str
    waits: Waits = PRODUCTION

    def policy(self, tenant_id: str, given: GivenPolicy, mapped: list[str]) -> Policy:
        """A policy that was checked, with every default filled in. Raises Invalid with the path of what cannot be."""
        return checked(given, mapped, self.store.lead_fields.get(tenant_id))

    def leads(self, tenant_id: str, integration_id: str, lead_ids: list[str]) -> list[Lease]:
        """What a push of these leads would lease, in their order; unknown and deleted ones are left out."""
        target = self._target(integration_id, tenant_id)
        found = self.store.leads.by_ids(tenant_id, lead_ids)
        leads = [lead for key in dict.fromkeys(lead_ids) if (lead := found.get(key)) and lead.deleted_at is None]
        touches = [(lead, push_of(lead, target)) for lead in leads]
        known = self.store.work_items.by_ids([touch.work_item_id for _, touch in touches])
        leases = []
        for lead, touch in touches:
            work_item = known.get(touch.work_item_id) or work_item_named(tenant_id, integration_id, touch.work_item_id)
            work_item = replace(work_item, fence=0, lead_id=lead.lead_id)
            history = target.capabilities.history and work_item.notes.written
            leases.append(Lease(work_item, () if touch.record_id else lead.email_spellings, history=history))
        return leases

    def records(
        self, integration_id: str, seen: list[Observation], proposed: Target | None = None, *, push: bool = False
    ) -> list[Decision]:
        """What would be concluded on these observations, in their order; `push` as on leases of `leads`.

        With `proposed` the integration's direction, rules, mapping and matching count as they are there.
        """
        own = self._target(integration_id)
        target = own if proposed is None else _as_proposed(own, proposed)
        others = tuple(o for o in self.store.targets.of_tenant(own.tenant_id) if o.integration_id != integration_id)
        now = self.store.now()
        asked = [work_item_named(own.tenant_id, integration_id, one.work_item_id) for one in seen]
        work_items = self._work_items(asked, seen, now, push=push)
        context = read_context(self.store, target, others, list(zip(work_items, seen, strict=True)), now, None)
        decisions = []
        for work_item, first, observation in zip(work_items, asked, seen, strict=True):
            if proposed is None and not push and _is_read(work_item, observation):
                decisions.append(Decision(Outcome.UNCHANGED, record_id=work_item.record_id))
                continue
            case = context.case(work_item, observation, self.platform, self.waits)
            decision = reconcile(case)
            context.apply(decision)
            reason = decision.failed_work_items.get(first.work_item_id)  # the lead has found another lead's record
            if reason and decision.outcome is Outcome.UNCHANGED:
                decision = failed(case, reason)
            decisions.append(decision)
        return decisions

    def _target(self, integration_id: str, tenant_id: str = "") -> Target:
        target = self.store.targets.get(integration_id, tenant_id)
        if target is None:
            raise NotFound("integration_not_found", f"no integration {integration_id}")
        return target

    def _work_items(
        self, asked: list[WorkItem], seen: list[Observation], now: datetime, *, push: bool
    ) -> list[WorkItem]:
        """The work items as a worker would hold them.

        A lead that has found a record is decided on in the record's work item. If several leads found the same record,
        the last one is.
        """
        found = {
            one.state.record_id: place
            for place, (work_item, one) in enumerate(zip(asked, seen, strict=True))
            if not work_item.record_id and isinstance(one.state, Present)
        }
        handed_over = {place: record_id for record_id, place in found.items()}
        places = [
            WorkItem(
                work_item_id(work_item.integration_id, record_id=record_id),
                work_item.tenant_id,
                work_item.integration_id,
                record_id,
                notes=Notes(match_lead_id=work_item.lead_id),
            )
            if (record_id := handed_over.get(place))
            else replace(work_item, notes=Notes(push=push))
            for place, work_item in enumerate(asked)
        ]
        known = self.store.work_items.by_ids({work_item.work_item_id for work_item in places})
        return [_held(work_item, known.get(work_item.work_item_id), now) for work_item in places]


def _held(wanted: WorkItem, known: WorkItem | None, now: datetime) -> WorkItem:
    """The work item as if it were leased, with what made it due."""
    work_item = known or wanted
    notes = replace(
        work_item.notes,
        push=work_item.notes.push or wanted.notes.push,
        match_lead_id=wanted.notes.match_lead_id or work_item.notes.match_lead_id,
        match_email="" if wanted.notes.match_lead_id else work_item.notes.match_email,
    )
    return replace(
        work_item,
        fence=work_item.fence + 1,
        claimed_version=work_item.version,
        claimed_at=now,
        lease_until=now,
        notes=notes,
    )


def _is_read(work_item: WorkItem, seen: Observation) -> bool:
    """Whether an import would leave the record alone, since it was read after its last change (R9)."""
    read_at, state = work_item.notes.read_at, seen.state
    if work_item.due_at is not None or read_at is None or not isinstance(state, Present):
        return False
    return state.modified_at <= read_at and not state.with_history


def _as_proposed(own: Target, proposed: Target) -> Target:
    """The integration's target with those settings of another one that may be tried out."""
    if (proposed.integration_id, proposed.tenant_id) != (own.integration_id, own.tenant_id):
        raise Invalid("target", "is another integration's")
    return replace(
        own,
        direction=proposed.direction,
        rules=proposed.rules,
        mapping=proposed.mapping,
        match_keys=proposed.match_keys,
        phone_region=proposed.phone_region,
    )
