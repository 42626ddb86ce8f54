"""A record that belongs to no lead becomes one."""

from lead_store.domain.addresses import address_keys
from lead_store.domain.decision import Case, Decision, FieldChange, Outcome, present_of, skipped
from lead_store.domain.fields import can_be_named
from lead_store.domain.identity import owned_keys
from lead_store.domain.lead import empty_lead
from lead_store.domain.link import Link
from lead_store.domain.merge import Base, Theirs
from lead_store.domain.rules import Direction
from lead_store.domain.work_item import Notes, touches_of


def create_lead(case: Case, notes: Notes) -> Decision:
    """Make a lead from a record that belongs to none."""
    present, target = present_of(case), case.target
    taken = {name for name, rule in target.flows.items() if rule.direction.from_crm}
    readings = {name: reading for name, reading in present.readings.items() if name in taken}
    values = {name: reading.value for name, reading in readings.items() if reading.value}
    if not can_be_named(values):
        return skipped(case, "no_name", notes)
    lead = empty_lead(case.new_lead_id, target.tenant_id, target.provider, case.now)
    link = Link(
        target.integration_id,
        target.provider,
        target.account_id,
        case.work_item.record_id,
        base={name: Base(reading.value, reading.crm) for name, reading in readings.items()},
        mapping=target.mapping,
        seen=present.modified_at,
        emails=address_keys(present.emails),
        object=present.object,
        record_url=present.record_url,
        unreadable=present.unreadable,
    )
    theirs = Theirs(readings, present.modified_at)
    set_at = {name: min(theirs.set_at(name), case.now) for name in values}
    lead = lead.with_values(values, case.now, target.provider, set_at)
    lead = lead.synced(Direction.FROM_CRM, target.provider, case.now, present.modified_at).with_link(link)
    decision = Decision(
        Outcome.CREATED, lead=lead, notes=notes, record_id=case.work_item.record_id, names_lead=lead.lead_id
    )
    decision.crm = target.provider_name or target.provider
    decision.counts.update(from_crm_created=1, linked=1)
    decision.identities |= owned_keys(case)  # R16
    decision.fields = {name: FieldChange("platform", "", value, "the lead is new") for name, value in values.items()}
    decision.touches = touches_of(lead, case.other_targets)  # R20
    return decision
