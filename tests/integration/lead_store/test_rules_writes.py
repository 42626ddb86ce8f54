"""Rules about writes: left-over ones, overwritten values, leases of a pair, settling."""

from datetime import timedelta

import pytest
from lead_store_calls import (
    LeadStore,
    absent,
    at,
    document,
    done,
    present,
)
from lead_store_moves import delete, link_of, touched
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.sync.v1 import sync_pb2
from work_item_values import put_values

OTHER = "integration-2"


def crash_with_pending(store: LeadStore, lead_id: str, phone: str) -> sync_pb2.Lease:
    """Plan a write of the phone and never settle it; answers the next lease, taken once everything has ended."""
    store.update(lead_id, phone=phone)
    lease = store.lease_one()
    (decision,) = store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    assert decision.HasField("write")
    store.expire_lease(lease.work_item_id)
    return store.lease_one(worker="worker-1")


def test_r2_a_left_over_write_is_judged_by_history_when_it_landed(lead_store: LeadStore) -> None:
    """Without history nothing is decided; a version of ours after the basis makes the written value the base."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lease = crash_with_pending(lead_store, lead_id, "2")
    assert lease.history
    plain = present(lease, at(3), email="a@x.org", phone="3")
    plain.present.with_history = False
    (decision,) = lead_store.reconcile(plain)
    assert decision.outcome == sync_pb2.OUTCOME_NEEDS_HISTORY
    history = {"phone": [("3", at(3), False), ("2", at(2), True), ("1", at(0), False)]}
    (decision,) = lead_store.reconcile(present(lease, at(3), email="a@x.org", phone="3", history=history))
    assert (
        decision.outcome == sync_pb2.OUTCOME_UPDATED
    )  # a person's later edit flows in: no conflict, nothing rewritten
    assert not decision.HasField("write")
    assert lead_store.get(lead_id).phone == "3"


def test_r2_a_left_over_write_that_never_left_is_planned_again(lead_store: LeadStore) -> None:
    """No version of ours after the basis: the write never left, and the platform's edit still has to go out."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lease = crash_with_pending(lead_store, lead_id, "2")
    history = {"phone": [("1", at(0), True)]}
    (decision,) = lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="1", history=history))
    assert dict(decision.write.values) == {"phone": "2"}


def test_r2_no_worker_leases_the_work_item_before_the_read_lag_has_passed(lead_store: LeadStore) -> None:
    """The work item of a write without an answer is free only ten seconds after the lease of its writer."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.update(lead_id, phone="2")
    lease = lead_store.lease_one()
    before = document(lead_store.database.work_items, lease.work_item_id)["lease_until"]
    lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    after = document(lead_store.database.work_items, lease.work_item_id)["lease_until"]
    assert after - before == timedelta(seconds=10)


def written(store: LeadStore, lead_id: str, phone: str, modified: float) -> sync_pb2.Lease:
    """Write a phone and settle it; answers the lease of the next reading."""
    store.update(lead_id, phone=phone)
    lease = store.lease_one()
    (decision,) = store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    assert store.settle(lease, decision.write, done("1", at(modified), phone=phone))
    return touched(store)


def test_r3_a_value_that_our_write_replaced_unseen_is_held_for_a_person(lead_store: LeadStore) -> None:
    """The first reading after a write asks for history, and another author's value in between opens a conflict."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lease = written(lead_store, lead_id, "2", modified=9)
    assert lease.history
    history = {"phone": [("2", at(9), True), ("person", at(8), False), ("1", at(0), False)]}
    (decision,) = lead_store.reconcile(present(lease, at(9), email="a@x.org", phone="2", history=history))
    assert not decision.HasField("write")
    lead = lead_store.get(lead_id)
    (conflict,) = lead.links[0].conflicts
    assert (conflict.field, conflict.ours, conflict.theirs, conflict.overwritten) == ("phone", "2", "person", True)
    assert lead_store.status().conflicts == 1
    assert not touched(lead_store).history


def test_r3_every_value_that_our_writes_replaced_unseen_is_in_the_history(lead_store: LeadStore) -> None:
    """Also if it happens again before a person has seen the first one; the conflict shows the last one."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    for number, (phone, person) in enumerate([("2", "first"), ("3", "second")]):
        since, seen = 10 * number, str(number + 1)
        lead_store.update(lead_id, phone=phone)
        lease = lead_store.lease_one()
        (decision,) = lead_store.reconcile(present(lease, at(since), email="a@x.org", phone=seen))
        assert lead_store.settle(lease, decision.write, done("1", at(since + 9), phone=phone))
        history = {
            "phone": [(phone, at(since + 9), True), (person, at(since + 8), False), (seen, at(since), number > 0)]
        }
        reading = present(touched(lead_store), at(since + 10), email="a@x.org", phone=phone, history=history)
        lead_store.reconcile(reading)

    kept = lead_store.database.decisions.find({"lead_id": lead_id, "outcome": "overwritten"}).sort("_id", 1)
    assert [one["fields"]["phone"][:3] for one in kept] == [["crm", "first", "2"], ["crm", "second", "3"]]


def test_r3_a_replaced_value_is_kept_if_the_lead_is_deleted_before_the_next_reading(lead_store: LeadStore) -> None:
    """The reading after the write asks for history, and the link keeps what another author had entered."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lease = written(lead_store, lead_id, "2", modified=9)
    delete(lead_store, lead_id)
    history = {"phone": [("2", at(9), True), ("person", at(8), False), ("1", at(0), False)]}

    (decision,) = lead_store.reconcile(present(lease, at(9), email="a@x.org", phone="2", history=history))

    assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_SKIPPED, "lead_deleted")
    assert link_of(lead_store, lead_id)["overwritten"]["phone"][0] == "person"
    assert not touched(lead_store).history


@pytest.mark.parametrize("spelling", ["+1 (555)", "+2 2"])
def test_r3_another_spelling_of_what_was_seen_or_written_is_no_conflict(lead_store: LeadStore, spelling: str) -> None:
    """A CRM that formats a phone number between our reading and our write loses nothing, and nobody is asked (R10)."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="+1555")
    lead_store.update(lead_id, phone="+22")
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="+1555"))
    assert lead_store.settle(lease, decision.write, done("1", at(9), phone="+22"))
    history = {"phone": [("+22", at(9), True), (spelling, at(8), False), ("+1555", at(0), False)]}
    lead_store.reconcile(present(touched(lead_store), at(9), email="a@x.org", phone="+22", history=history))
    assert list(lead_store.get(lead_id).links[0].conflicts) == []


def test_r3_values_before_the_reading_or_after_the_write_are_no_conflict(lead_store: LeadStore) -> None:
    """Only the window between reading and write counts: earlier values were seen, later ones are ordinary edits."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lease = written(lead_store, lead_id, "2", modified=9)
    history = {"phone": [("3", at(12), False), ("2", at(9), True), ("1", at(0), False), ("0", at(-5), False)]}
    (decision,) = lead_store.reconcile(present(lease, at(12), email="a@x.org", phone="3", history=history))
    assert decision.outcome == sync_pb2.OUTCOME_UPDATED
    lead = lead_store.get(lead_id)
    assert (lead.phone, list(lead.links[0].conflicts)) == ("3", [])


def test_r5_another_work_item_of_a_pair_that_is_being_written_is_released(lead_store: LeadStore) -> None:
    """While a create is under way, the record's own work item decides nothing; the settle wakes it."""
    lead_store.put_target()
    lead = lead_store.create(email="a@x.org")
    lease = lead_store.lease_one()
    (create,) = lead_store.reconcile(absent(lease))
    early = touched(lead_store, "7", inbox.TOUCH_KIND_CREATED)
    (decision,) = lead_store.reconcile(
        present(early, at(1), marked=lead.lead_id, source_system="jazzaam", email="a@x.org")
    )
    assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_RELEASED, "pair_busy")
    assert lead_store.settle(lease, create.write, done("7", at(1), email="a@x.org"))
    (decision,) = lead_store.reconcile(
        present(lead_store.lease_one(wait=5), at(1), marked=lead.lead_id, source_system="jazzaam", email="a@x.org")
    )
    assert decision.outcome == sync_pb2.OUTCOME_SKIPPED
    assert len(lead_store.all_leads()) == 1


def test_r5_a_settle_that_has_lost_its_fence_changes_nothing(lead_store: LeadStore) -> None:
    """A worker whose lease was taken over cannot settle any more."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.update(lead_id, phone="2")
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    lead_store.expire_lease(lease.work_item_id)
    lead_store.lease_one()
    etag = lead_store.get(lead_id).etag
    assert not lead_store.settle(lease, decision.write, done("1", at(9), phone="2"))
    assert lead_store.get(lead_id).etag == etag


def test_r5_taking_over_ends_the_other_work_items_fence(lead_store: LeadStore) -> None:
    """The record's work item takes over a create whose worker died.

    The dead worker's work item can settle nothing afterwards.
    """
    lead_store.put_target()
    lead = lead_store.create(email="a@x.org", first_name="Ann")
    lease = lead_store.lease_one()
    (create,) = lead_store.reconcile(absent(lease))
    lead_store.expire_lease(lease.work_item_id)
    put_values(lead_store.database.work_items, lease.work_item_id, due_at=None)
    seen = {"marked": lead.lead_id, "source_system": "jazzaam", "email": "a@x.org", "first_name": "Ann"}
    history = {"email": [("a@x.org", at(1), True)], "first_name": [("Ann", at(1), True)]}
    record = touched(lead_store, "7")
    (decision,) = lead_store.reconcile(present(record, at(1), history=history, given=seen))
    assert (decision.outcome, decision.HasField("write")) == (sync_pb2.OUTCOME_LINKED, False)
    assert not lead_store.settle(lease, create.write, done("8", at(2)))
    assert lead_store.get(lead.lead_id).links[0].record_id == "7"


def test_r6_a_record_that_carries_the_mark_is_followed_and_not_created_again(lead_store: LeadStore) -> None:
    """When the look-up before a create finds a record, the record's work item goes on, and no write is planned."""
    lead_store.put_target()
    lead = lead_store.create(email="a@x.org")
    lease = lead_store.lease_one()
    found = present(lease, at(1), record_id="7", marked=lead.lead_id, source_system="jazzaam", email="a@x.org")
    (decision,) = lead_store.reconcile(found)
    assert (decision.reason, decision.HasField("write")) == ("record_found", False)
    record = lead_store.lease_one()
    assert record.record_id == "7"
    (decision,) = lead_store.reconcile(
        present(record, at(1), marked=lead.lead_id, source_system="jazzaam", email="a@x.org")
    )
    assert decision.outcome == sync_pb2.OUTCOME_LINKED
    assert lead_store.lease(wait=0).leases == []


def test_r7_settle_makes_the_written_values_the_base(lead_store: LeadStore) -> None:
    """An edit made while a write was under way still goes out, and the CRM's own spelling causes no write."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.update(lead_id, phone="2")
    lease = lead_store.lease_one()
    (first,) = lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    lead_store.update(lead_id, phone="3")
    assert lead_store.settle(lease, first.write, done("1", at(1), phone="+2"))
    lease = lead_store.lease_one()
    (second,) = lead_store.reconcile(present(lease, at(1), email="a@x.org", phone="+2"))
    assert dict(second.write.values) == {"phone": "3"}
    assert lead_store.settle(lease, second.write, done("1", at(2), phone="+3"))
    (echo,) = lead_store.reconcile(present(touched(lead_store), at(2), email="a@x.org", phone="+3"))
    assert (echo.outcome, echo.HasField("write")) == (sync_pb2.OUTCOME_UNCHANGED, False)
    assert lead_store.get(lead_id).phone == "3"


def test_r12_a_taken_email_at_create_becomes_a_link(lead_store: LeadStore) -> None:
    """A 409 on a create is followed to the record that holds the e-mail, even if it holds it as a second address."""
    lead_store.put_target()
    lead = lead_store.create(email="second@x.org", first_name="Ann")
    lease = lead_store.lease_one()
    (create,) = lead_store.reconcile(absent(lease))
    assert lead_store.settle(lease, create.write, sync_pb2.WriteDuplicate(record_ids=["5"]))
    record = lead_store.lease_one()
    assert record.record_id == "5"
    history = {"email": [("first@x.org", at(0), False)]}
    (decision,) = lead_store.reconcile(present(record, at(1), email="first@x.org", history=history))
    assert (decision.outcome, decision.lead_id) == (sync_pb2.OUTCOME_LINKED, lead.lead_id)
    assert len(lead_store.all_leads()) == 1


def test_r12_a_taken_email_at_update_fails_alone(lead_store: LeadStore) -> None:
    """A 409 on an update holds back the e-mail; the other fields are sent again, and the e-mail when it changes."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.update(lead_id, email="taken@x.org", phone="2")
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    assert lead_store.settle(lease, decision.write, sync_pb2.WriteDuplicate(record_ids=["5"]))
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    assert dict(decision.write.values) == {"phone": "2"}
    lead_store.settle(lease, decision.write, done("1", at(1), phone="2"))
    (refused,) = lead_store.get(lead_id).links[0].refused
    assert (refused.field, refused.reason) == ("email", "email_taken")
    lead_store.update(lead_id, email="free@x.org")
    (decision,) = lead_store.reconcile(present(lead_store.lease_one(), at(1), email="a@x.org", phone="2"))
    assert dict(decision.write.values) == {"email": "free@x.org"}


def test_asking_for_a_decision_twice_gives_the_same_write(lead_store: LeadStore) -> None:
    """A Reconcile whose answer was lost may be repeated under the same lease: the same write comes back."""
    lead_store.put_target()
    lead_store.create(email="a@x.org")
    lease = lead_store.lease_one()
    (first,) = lead_store.reconcile(absent(lease))
    (again,) = lead_store.reconcile(absent(lease))
    assert first.write.write_id == again.write.write_id
    assert dict(first.write.values) == dict(again.write.values)
