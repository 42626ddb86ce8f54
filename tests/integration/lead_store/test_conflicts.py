"""Conflicts: a person decides, the merge does the rest (R11)."""

import grpc
import pytest
from lead_store_calls import INTEGRATION, TENANT, LeadStore, at, done, present, touch
from lead_store_moves import conflicts, resolve
from leadsync.lead.v1 import lead_service_pb2
from leadsync.sync.v1 import conflict_service_pb2 as conflict_pb
from leadsync.sync.v1 import policy_pb2, sync_pb2

ASK = {"phone": {"rule": policy_pb2.MERGE_RULE_ASK}}


def contested(store: LeadStore) -> str:
    """A lead whose phone both sides changed, with the rule to ask."""
    store.put_target(rules=ASK)
    lead_id = store.import_contact("1", email="a@x.org", phone="1")
    store.update(lead_id, phone="here")
    history = {"phone": [("there", at(5), False)]}
    seen = present(store.lease_one(), at(5), email="a@x.org", phone="there", first_name="Ann", history=history)
    (decision,) = store.reconcile(seen)
    assert not decision.HasField("write")
    return lead_id


def next_decision(store: LeadStore, phone: str, modified: float = 5) -> sync_pb2.Decision:
    """Read the record again and decide."""
    lease = store.lease_one()
    (decision,) = store.reconcile(present(lease, at(modified), email="a@x.org", phone=phone, first_name="Ann"))
    return decision


def test_a_contested_field_waits_alone(lead_store: LeadStore) -> None:
    """The field stays as it is on both sides and shows what a person needs; the other fields flow."""
    lead_id = contested(lead_store)
    lead = lead_store.get(lead_id)
    assert (lead.phone, lead.first_name) == ("here", "Ann")
    (conflict,) = conflicts(lead_store)
    assert (conflict.base, conflict.ours, conflict.theirs) == ("1", "here", "there")
    assert conflict.ours_source == "platform"
    assert conflict.suggested == conflict_pb.SIDE_PLATFORM  # it was set now, the CRM's value long ago
    assert lead_store.status().conflicts == 1


def test_r11_taking_the_platforms_value_writes_it(lead_store: LeadStore) -> None:
    """The choice itself writes nothing; the next merge sends the platform's value, once."""
    contested(lead_store)
    (conflict,) = conflicts(lead_store)
    resolve(lead_store, conflict, take=conflict_pb.SIDE_PLATFORM)
    assert conflicts(lead_store) == []
    decision = next_decision(lead_store, "there")
    assert dict(decision.write.values) == {"phone": "here"}


def test_r11_taking_the_crms_value_changes_the_lead_and_writes_nothing(lead_store: LeadStore) -> None:
    """The lead takes the value that the person saw, and both sides agree."""
    lead_id = contested(lead_store)
    (conflict,) = conflicts(lead_store)
    resolve(lead_store, conflict, take=conflict_pb.SIDE_CRM)
    assert lead_store.get(lead_id).phone == "there"
    assert not next_decision(lead_store, "there").HasField("write")


def test_r11_another_value_goes_to_both_sides(lead_store: LeadStore) -> None:
    """A value that a person types replaces both."""
    lead_id = contested(lead_store)
    (conflict,) = conflicts(lead_store)
    resolve(lead_store, conflict, value="third")
    assert lead_store.get(lead_id).phone == "third"
    assert dict(next_decision(lead_store, "there").write.values) == {"phone": "third"}


def test_r11_a_choice_on_an_old_sight_is_refused(lead_store: LeadStore) -> None:
    """When either side has moved on since the person looked, the choice is refused and nothing changes."""
    lead_id = contested(lead_store)
    (conflict,) = conflicts(lead_store)
    lead_store.update(lead_id, phone="newer")
    with pytest.raises(grpc.RpcError) as failure:
        resolve(lead_store, conflict, take=conflict_pb.SIDE_CRM)
    assert failure.value.code() == grpc.StatusCode.ABORTED
    assert lead_store.get(lead_id).phone == "newer"


def test_r11_a_crm_that_moved_on_meanwhile_asks_again(lead_store: LeadStore) -> None:
    """The choice was made on the value seen: if the record has another one by now, it is a new conflict."""
    contested(lead_store)
    (conflict,) = conflicts(lead_store)
    resolve(lead_store, conflict, take=conflict_pb.SIDE_PLATFORM)
    assert not next_decision(lead_store, "elsewhere", modified=9).HasField("write")
    (again,) = conflicts(lead_store)
    assert (again.base, again.theirs) == ("there", "elsewhere")


def test_r11_undo_is_an_ordinary_edit(lead_store: LeadStore) -> None:
    """Undoing a resolution sets the lead back, and that flows like any other edit."""
    lead_id = contested(lead_store)
    (conflict,) = conflicts(lead_store)
    decision_id = resolve(lead_store, conflict, take=conflict_pb.SIDE_CRM)
    assert not next_decision(lead_store, "there").HasField("write")
    undo = conflict_pb.UndoDecisionRequest(tenant_id=TENANT, decision_id=decision_id, actor="ann")
    assert lead_store.conflict_stub.UndoDecision(undo, timeout=60).lead_id == lead_id
    assert lead_store.get(lead_id).phone == "here"
    assert dict(next_decision(lead_store, "there").write.values) == {"phone": "here"}


def test_many_conflicts_of_a_field_are_settled_at_once(lead_store: LeadStore) -> None:
    """One call settles all conflicts of a field the same way."""
    lead_store.put_target(rules=ASK)
    ids = [lead_store.import_contact(str(n), email=f"{n}@x.org", phone="1") for n in range(5)]
    for lead_id in ids:
        lead_store.update(lead_id, phone="here")
    for lease in lead_store.lease().leases:
        lead_store.reconcile(present(lease, at(5), email=f"{lease.record_id}@x.org", phone="there"))
    assert len(conflicts(lead_store)) == 5
    request = conflict_pb.ResolveConflictsRequest(
        tenant_id=TENANT, integration_id=INTEGRATION, field="phone", take=conflict_pb.SIDE_CRM, actor="ann"
    )
    answer = lead_store.conflict_stub.ResolveConflicts(request, timeout=60)
    assert (answer.resolved, answer.more) == (5, False)
    assert {lead_store.get(lead_id).phone for lead_id in ids} == {"there"}


def test_every_value_can_be_explained(lead_store: LeadStore) -> None:
    """For each change: when, by whom, on which side, what it replaced, and why; newest first, page by page."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.update(lead_id, phone="2")
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    lead_store.settle(lease, decision.write, done("1", at(1), phone="2"))
    lead_store.deliver(touch("1", source="CRM_UI:userId:7"))
    lead_store.reconcile(present(lead_store.lease_one(), at(3), email="a@x.org", phone="3"))
    request = lead_service_pb2.ExplainLeadRequest(tenant_id=TENANT, lead_id=lead_id, field="phone", page_size=3)
    page = lead_store.leads.ExplainLead(request, timeout=60)
    shown = [(e.outcome, e.fields[0].side, e.fields[0].before, e.fields[0].after) for e in page.explanations]
    assert shown == [
        ("updated", "platform", "2", "3"),
        ("settled", "crm", "1", "2"),
        ("pushed", "crm", "1", "2"),
    ]
    newest = page.explanations[0]
    assert (newest.event_source, newest.record_id) == ("CRM_UI:userId:7", "1")
    assert newest.fields[0].because == "only this side had changed"
    request.page_token = page.next_page_token
    older = lead_store.leads.ExplainLead(request, timeout=60).explanations
    assert [e.outcome for e in older] == ["updated", "created"]
    assert older[0].actor == "platform"
