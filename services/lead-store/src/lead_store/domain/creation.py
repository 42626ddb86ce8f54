"""The lead has no record yet: find the one that carries its mark or e-mail, or create it (R6)."""

from dataclasses import replace

from lead_store.domain.decision import Case, Decision, FieldChange, NextStep, Outcome, skipped
from lead_store.domain.fields import can_be_named, email_digest
from lead_store.domain.link import WriteKind
from lead_store.domain.merge import Ours, may_send
from lead_store.domain.pair import current_refusals, link_for, pair_is_busy, planned_write
from lead_store.domain.work_item import Notes, WorkItemTouch


def hand_over(case: Case, record_id: str) -> Decision:
    """The lead's mark or e-mail was found on a record, so the work goes on in the record's work item (R6).

    A lead that is not linked yet looks again later. So it is not forgotten, whatever becomes of the record (L10).
    """
    work_item, lead = case.work_item, case.lead
    touch = WorkItemTouch(
        work_item.tenant_id,
        work_item.integration_id,
        record_id=record_id,
        match_lead_id=lead.lead_id if lead else "",
        match_email=email_digest(lead.values) if lead else "",
        run_id=work_item.run_id,
    )
    decision = Decision(Outcome.RELEASED, NextStep.HANDED_OVER, "record_found", record_id, touches=[touch])
    if lead is not None and lead.deleted_at is None and not lead.is_linked(work_item.integration_id):
        decision.next_step, decision.due_at = NextStep.RETRY, case.now + case.waits.look_again
    return decision


def create_record(case: Case) -> Decision:
    """No record carries the lead's mark or e-mail, so it is safe to create one (R6)."""
    lead, work_item, target = case.lead, case.work_item, case.target
    if lead is None or lead.deleted_at is not None:
        return skipped(case, "lead_deleted", Notes())
    link = link_for(case, lead)
    if link.attached:
        return hand_over(case, link.record_id)
    if link.detached_reason and not work_item.notes.push:  # R13
        return skipped(case, link.detached_reason, Notes())
    busy = pair_is_busy(case, link)
    if busy is not None:
        return busy
    if not target.direction.to_crm:
        return skipped(case, "direction", Notes())
    refused = {name: refusal.value for name, refusal in current_refusals(case, link).items()}
    ours = Ours(lead.values, {}, refused)
    sent = {name: rule for name, rule in target.flows.items() if name in lead.values and may_send(name, ours, rule)}
    values = {name: rule.canonical(lead.values[name]) or "" for name, rule in sent.items()}
    if not can_be_named(values):
        return skipped(case, "no_name", Notes())
    write = planned_write(case, WriteKind.CREATE, values, None)
    former = (*link.former_record_ids, link.record_id) if link.record_id else link.former_record_ids
    link = replace(
        link,
        record_id="",
        object="",
        record_url="",
        former_record_ids=former,
        base={},
        mapping=target.mapping,
        pending=write,
        seen=None,
        unreadable={},
    )
    after = lead.with_link(replace(link, detached_reason=""))
    decision = Decision(Outcome.PUSHED, NextStep.WRITE, before=lead, lead=after, write=write)
    decision.due_at = case.waits.write_is_over(write.until)
    decision.fields = {name: FieldChange("crm", "", value, "the record is new") for name, value in values.items()}
    return decision
