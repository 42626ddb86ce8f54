"""Hard cases of values and of those who ask: what flows, what waits for a person, what is refused."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import grpc
from lead_store_calls import INTEGRATION, TENANT, LeadStore, absent, archived, at, counters_of, done, present
from lead_store_moves import conflicts, delete, push, pushed_out, refusal, resolve, touched
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_service_pb2
from leadsync.sync.v1 import conflict_service_pb2 as conflict_pb
from leadsync.sync.v1 import policy_pb2, sync_pb2
from work_item_values import put_values

OTHER = "integration-2"
ASK_PHONE = {"phone": {"rule": policy_pb2.MERGE_RULE_ASK}}
ASK_EMAIL = {"email": {"rule": policy_pb2.MERGE_RULE_ASK, "blank": policy_pb2.BLANK_RULE_CLEAR}}


def contested_phone(store: LeadStore) -> str:
    """A lead whose phone is 2 here and 3 in the CRM, and waits for a person."""
    store.put_target(rules=ASK_PHONE)
    lead_id = store.import_contact("1", email="a@x.org", phone="1")
    store.update(lead_id, phone="2")
    store.reconcile(present(store.lease_one(), at(1), email="a@x.org", phone="3"))
    return lead_id


def contested_email(store: LeadStore, theirs: str, record_id: str = "1", **values: str) -> str:
    """A lead whose e-mail was changed on both sides, and waits for a person."""
    store.put_target(rules=ASK_EMAIL)
    lead_id = store.import_contact(record_id, email=f"old{record_id}@x.org", given=values)
    store.update(lead_id, email=f"ours{record_id}@x.org")
    store.reconcile(present(store.lease_one(), at(1), email=theirs, given=values))
    return lead_id


def test_r20_a_persons_choice_makes_the_other_links_due(lead_store: LeadStore) -> None:
    """Resolving a conflict of one integration also passes the lead's new value on to the tenant's other one."""
    lead_id = contested_phone(lead_store)
    (conflict,) = conflicts(lead_store)
    lead_store.put_target(OTHER, account_id="222")
    push(lead_store, lead_id, integration_id=OTHER)
    pushed_out(lead_store, lead_id, "b1", 1, account="222", email="a@x.org", phone="2")
    assert lead_store.work() == []
    resolve(lead_store, conflict, take=conflict_pb.SIDE_CRM)
    assert lead_store.get(lead_id).phone == "3"
    assert {work.integration_id for work in lead_store.work()} == {INTEGRATION, OTHER}


def test_r11_the_crms_email_may_be_taken_as_it_is(lead_store: LeadStore) -> None:
    """A value that the CRM holds can be chosen even where the platform would not have taken it from a caller."""
    lead_id = contested_email(lead_store, "crm@localhost")
    (conflict,) = conflicts(lead_store)
    resolve(lead_store, conflict, take=conflict_pb.SIDE_CRM)
    assert lead_store.get(lead_id).email == "crm@localhost"


def test_r11_a_choice_may_not_leave_a_lead_without_a_name(lead_store: LeadStore) -> None:
    """Choosing a blank for the only field that names a lead is refused, and the conflict stays."""
    contested_email(lead_store, "theirs@x.org")
    (conflict,) = conflicts(lead_store)
    code, reason, _ = refusal(lambda: resolve(lead_store, conflict, value=""))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "no_name")
    assert conflicts(lead_store) == [conflict]


def test_r11_one_conflict_that_cannot_be_settled_does_not_stop_the_others(lead_store: LeadStore) -> None:
    """Settling many conflicts leaves the one alone whose choice would leave a lead without a name."""
    nameless = contested_email(lead_store, "", "1")
    other = contested_email(lead_store, "theirs@x.org", "2")
    request = conflict_pb.ResolveConflictsRequest(
        tenant_id=TENANT, integration_id=INTEGRATION, field="email", take=conflict_pb.SIDE_CRM
    )
    answer = lead_store.conflict_stub.ResolveConflicts(request, timeout=60)
    assert (answer.resolved, answer.more) == (1, False)
    assert lead_store.get(other).email == "theirs@x.org"
    assert [conflict.lead_id for conflict in conflicts(lead_store)] == [nameless]


def test_conflicts_of_deleted_leads_are_not_listed(lead_store: LeadStore) -> None:
    """A deleted lead's conflicts are not listed, and cannot be resolved any more."""
    lead_id = contested_phone(lead_store)
    (conflict,) = conflicts(lead_store)
    delete(lead_store, lead_id)
    assert conflicts(lead_store) == []
    code, reason, _ = refusal(lambda: resolve(lead_store, conflict, take=conflict_pb.SIDE_PLATFORM))
    assert (code, reason) == (grpc.StatusCode.NOT_FOUND, "lead_not_found")


def test_conflicts_are_counted_where_they_are(lead_store: LeadStore) -> None:
    """A conflict with one CRM is not counted for the other CRM of the same lead."""
    lead_id = contested_phone(lead_store)
    lead_store.put_target(OTHER, account_id="222")
    push(lead_store, lead_id, integration_id=OTHER)
    lead_store.reconcile(absent(lead_store.lease_one()))
    assert (lead_store.status().conflicts, lead_store.status(OTHER).conflicts) == (1, 0)


def test_r19_a_property_that_was_not_read_keeps_its_conflict(lead_store: LeadStore) -> None:
    """A reading without the contested property says nothing about it: the conflict stays open."""
    contested_phone(lead_store)
    before = conflicts(lead_store)
    seen = present(touched(lead_store), at(2), email="a@x.org")
    known = [reading for reading in seen.present.readings if reading.field != "phone"]
    seen.present.ClearField("readings")
    seen.present.readings.extend(known)
    lead_store.reconcile(seen)
    assert [conflict.theirs for conflict in conflicts(lead_store)] == [conflict.theirs for conflict in before] == ["3"]


def test_r21_a_refused_value_is_sent_again_when_the_rules_change(lead_store: LeadStore) -> None:
    """A field that the CRM refused waits alone only until the mapping changes."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.update(lead_id, phone="bad", first_name="A")
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    lead_store.settle(lease, decision.write, sync_pb2.WriteRefused(reason="invalid_value", fields=["phone"]))
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    assert dict(decision.write.values) == {"first_name": "A"}
    lead_store.settle(lease, decision.write, done("1", at(1), first_name="A"))
    lead_store.put_target(revision=2, mapping_fingerprint="m2")
    history = {"phone": [("1", at(0), False)]}
    seen = present(lead_store.lease_one(), at(1), history=history, email="a@x.org", phone="1", first_name="A")
    (decision,) = lead_store.reconcile(seen)
    assert dict(decision.write.values) == {"phone": "bad"}


def test_r2_a_version_of_ours_from_before_does_not_prove_that_a_create_landed(lead_store: LeadStore) -> None:
    """When a record of ours is restored instead of created again, what was edited since still has to be written."""
    lead_store.put_target()
    lead_id = lead_store.create(email="a@x.org", phone="1").lead_id
    pushed_out(lead_store, lead_id, "1", 0, email="a@x.org", phone="1")
    lead_store.reconcile(archived(touched(lead_store, kind=inbox.TOUCH_KIND_DELETED)))
    lead_store.update(lead_id, phone="2")
    push(lead_store, lead_id)
    lease = lead_store.lease_one()
    (create,) = lead_store.reconcile(absent(lease))
    assert create.write.kind == sync_pb2.WRITE_KIND_CREATE
    lead_store.expire_lease(lease.work_item_id)  # its worker died before it sent anything
    put_values(lead_store.database.work_items, lease.work_item_id, due_at=None)
    seen = {"marked": lead_id, "source_system": "jazzaam", "email": "a@x.org", "phone": "1"}
    history = {"email": [("a@x.org", at(0), True)], "phone": [("1", at(0), True)]}
    restored = touched(lead_store, kind=inbox.TOUCH_KIND_RESTORED)
    (decision,) = lead_store.reconcile(present(restored, at(0), history=history, given=seen))
    assert dict(decision.write.values) == {"phone": "2"}


def test_r2_a_left_over_write_is_judged_even_after_its_record_was_detached(lead_store: LeadStore) -> None:
    """Our own older write does not come back as an edit of the CRM when the record is restored."""
    lead_store.put_target(rules={"phone": {"rule": policy_pb2.MERGE_RULE_CRM}})
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.update(lead_id, phone="2")
    lease = lead_store.lease_one()
    lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    lead_store.expire_lease(lease.work_item_id)  # it landed, but its worker died
    (decision,) = lead_store.reconcile(archived(lead_store.lease_one()))
    assert decision.outcome == sync_pb2.OUTCOME_UNLINKED
    lead_store.update(lead_id, phone="3")
    history = {"phone": [("2", at(2), True), ("1", at(0), False)]}
    restored = touched(lead_store, kind=inbox.TOUCH_KIND_RESTORED)
    (decision,) = lead_store.reconcile(present(restored, at(5), history=history, email="a@x.org", phone="2"))
    assert lead_store.get(lead_id).phone == "3"
    assert dict(decision.write.values) == {"phone": "3"}


def test_r1_an_accepted_stale_reading_is_counted_once(lead_store: LeadStore) -> None:
    """A stale reading that is accepted but has to be repeated with history counts as one."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", modified=10, email="a@x.org", phone="1")
    lead_store.update(lead_id, phone="2")
    lease = lead_store.lease_one()
    lead_store.reconcile(present(lease, at(5), email="a@x.org", phone="3"))
    a_minute_ago = datetime.now(UTC) - timedelta(seconds=61)
    lead_store.database.work_items.update_one({"_id": lease.work_item_id}, {"$set": {"stale_since": a_minute_ago}})
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(5), email="a@x.org", phone="3"))
    assert decision.outcome == sync_pb2.OUTCOME_NEEDS_HISTORY
    history = {"phone": [("3", at(4), False)]}
    lead_store.reconcile(present(lease, at(5), history=history, email="a@x.org", phone="3"))
    assert counters_of(lead_store)["stale_accepted"] == 1


def test_a_new_lead_takes_only_mapped_fields(lead_store: LeadStore) -> None:
    """What an integration does not map is not imported, though it was read."""
    lead_store.put_target(fields=["email"])
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="unmapped")
    assert lead_store.get(lead_id).phone == ""


def test_r11_undo_does_not_undo_later_edits(lead_store: LeadStore) -> None:
    """A decision whose field was changed again since cannot be undone, and the later edit stays."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.update(lead_id, phone="2")
    lead_store.update(lead_id, phone="3")
    request = lead_service_pb2.ExplainLeadRequest(tenant_id=TENANT, lead_id=lead_id)
    shown = lead_store.leads.ExplainLead(request, timeout=60).explanations
    first = next(entry for entry in shown if any(change.after == "2" for change in entry.fields))
    undo = conflict_pb.UndoDecisionRequest(tenant_id=TENANT, decision_id=first.decision_id)
    code, reason, _ = refusal(lambda: lead_store.conflict_stub.UndoDecision(undo, timeout=60))
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "changed_since")
    assert lead_store.get(lead_id).phone == "3"


def test_an_oversized_lead_is_refused(lead_store: LeadStore) -> None:
    """A lead whose values would not fit into a document with their base is refused, made at once or bit by bit."""
    too_large = (grpc.StatusCode.INVALID_ARGUMENT, "invalid_field", "lead")
    texts = {f"f{n}": "x" * 62_000 for n in range(9)}
    values: dict[str, Any] = {"email": "a@x.org", "custom_fields": texts}
    assert refusal(lambda: lead_store.create(**values)) == too_large
    texts.popitem()
    lead = lead_store.create(**values)
    assert refusal(lambda: lead_store.update(lead.lead_id, company="x" * 62_000)) == too_large
    assert lead_store.all_leads() == [lead]


def test_a_blank_email_finds_no_lead(lead_store: LeadStore) -> None:
    """Asking for leads with a blank e-mail is refused rather than answered with all of them."""
    lead_store.create(email="a@x.org")
    request = lead_service_pb2.ListLeadsRequest(tenant_id=TENANT, email=" ")
    answer = refusal(lambda: lead_store.leads.ListLeads(request, timeout=60))
    assert answer == (grpc.StatusCode.INVALID_ARGUMENT, "invalid_field", "email")


def test_a_resume_token_that_the_database_cannot_read_is_refused(lead_store: LeadStore) -> None:
    """A token that looks like ours but holds nonsense is the caller's fault, not an internal error."""
    token = base64.urlsafe_b64encode(bson.encode({"_data": "zz"})).decode()
    request = lead_service_pb2.WatchLeadsRequest(tenant_id=TENANT, resume_token=token)
    code, reason, _ = refusal(lambda: next(lead_store.leads.WatchLeads(request, timeout=60)))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "resume_token")
