"""The rules of the protocol, each by its name, through real calls on a real database."""

import threading
from datetime import UTC, datetime, timedelta

import grpc
import pytest
import zstandard
from lead_store_calls import (
    INTEGRATION,
    TENANT,
    WORKER,
    LeadStore,
    absent,
    archived,
    at,
    done,
    eventually,
    present,
    stamp,
    touch,
)
from lead_store_moves import minute_later, touched
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import sync_pb2, sync_service_pb2

OTHER = "integration-2"


def crash_with_pending(store: LeadStore, lead_id: str, phone: str) -> sync_pb2.Lease:
    """Plan a write of the phone and never settle it; answers the next lease, taken once everything has ended."""
    store.update(lead_id, phone=phone)
    lease = store.lease_one()
    (decision,) = store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    assert decision.HasField("write")
    store.expire_lease(lease.work_item_id)
    return store.lease_one(worker="worker-1")


def test_r1_a_reading_older_than_what_was_seen_decides_nothing(lead_store: LeadStore) -> None:
    """A stale reading leaves lead and work item as they are; after a minute of them it is accepted and counted."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", modified=10, email="a@x.org", phone="new")
    lease = touched(lead_store)
    (decision,) = lead_store.reconcile(present(lease, at(5), email="a@x.org", phone="old"))
    assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_RELEASED, "stale_reading")
    assert lead_store.get(lead_id).phone == "new"
    a_minute_ago = datetime.now(UTC) - timedelta(seconds=61)
    lead_store.database.work_items.update_one({"_id": lease.work_item_id}, {"$set": {"stale_since": a_minute_ago}})
    (decision,) = lead_store.reconcile(present(lead_store.lease_one(), at(5), email="a@x.org", phone="old"))
    assert decision.outcome == sync_pb2.OUTCOME_UPDATED
    assert lead_store.get(lead_id).phone == "old"
    assert lead_store.database.counters.find_one({"_id": INTEGRATION})["stale_accepted"] == 1


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


def test_r2_nobody_leases_the_work_item_before_the_read_lag_has_passed(lead_store: LeadStore) -> None:
    """The work item of a write without an answer is free only ten seconds after the lease of its writer."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.update(lead_id, phone="2")
    lease = lead_store.lease_one()
    before = lead_store.database.work_items.find_one({"_id": lease.work_item_id})["lease_until"]
    lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    after = lead_store.database.work_items.find_one({"_id": lease.work_item_id})["lease_until"]
    assert after - before == timedelta(seconds=10)


def written(store: LeadStore, lead_id: str, phone: str, modified: float) -> sync_pb2.Lease:
    """Write a phone and settle it; answers the lease of the next reading."""
    store.update(lead_id, phone=phone)
    lease = store.lease_one()
    (decision,) = store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    assert store.settle(lease, decision.write, **done("1", at(modified), phone=phone))
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


@pytest.mark.parametrize("spelling", ["+1 (555)", "+2 2"])
def test_r3_another_spelling_of_what_was_seen_or_written_is_no_conflict(lead_store: LeadStore, spelling: str) -> None:
    """A CRM that formats a phone number between our reading and our write loses nothing, and nobody is asked (R10)."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="+1555")
    lead_store.update(lead_id, phone="+22")
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="+1555"))
    assert lead_store.settle(lease, decision.write, **done("1", at(9), phone="+22"))
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
    assert lead_store.settle(lease, create.write, **done("7", at(1), email="a@x.org"))
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
    assert not lead_store.settle(lease, decision.write, **done("1", at(9), phone="2"))
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
    lead_store.database.work_items.update_one({"_id": lease.work_item_id}, {"$unset": {"due_at": 1}})
    seen = {"marked": lead.lead_id, "source_system": "jazzaam", "email": "a@x.org", "first_name": "Ann"}
    history = {"email": [("a@x.org", at(1), True)], "first_name": [("Ann", at(1), True)]}
    record = touched(lead_store, "7")
    (decision,) = lead_store.reconcile(present(record, at(1), history=history, **seen))
    assert (decision.outcome, decision.HasField("write")) == (sync_pb2.OUTCOME_LINKED, False)
    assert not lead_store.settle(lease, create.write, **done("8", at(2)))
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
    assert lead_store.settle(lease, first.write, **done("1", at(1), phone="+2"))
    lease = lead_store.lease_one()
    (second,) = lead_store.reconcile(present(lease, at(1), email="a@x.org", phone="+2"))
    assert dict(second.write.values) == {"phone": "3"}
    assert lead_store.settle(lease, second.write, **done("1", at(2), phone="+3"))
    (echo,) = lead_store.reconcile(present(touched(lead_store), at(2), email="a@x.org", phone="+3"))
    assert (echo.outcome, echo.HasField("write")) == (sync_pb2.OUTCOME_UNCHANGED, False)
    assert lead_store.get(lead_id).phone == "3"


def page(store: LeadStore, record_id: str, modified: float) -> list[sync_pb2.Lease]:
    """Lease the one record of a page."""
    records = [sync_service_pb2.PageRecord(record_id=record_id, modified_at=stamp(at(modified)))]
    return list(store.lease(wait=0, integration_id=INTEGRATION, records=records).leases)


def test_r8_a_page_older_than_what_was_seen_is_read_again(lead_store: LeadStore) -> None:
    """A page read before its lease is used if it is new enough; otherwise the record has to be read under the lease."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", modified=0, email="a@x.org", phone="1")
    lead_store.update(lead_id, phone="2")
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    lead_store.settle(lease, decision.write, **done("1", at(9), phone="2"))
    (leased,) = page(lead_store, "1", 5)
    (old,) = lead_store.reconcile(present(leased, at(5), before_lease=True, email="a@x.org", phone="1"))
    assert old.outcome == sync_pb2.OUTCOME_NEEDS_READING
    (read,) = lead_store.reconcile(present(leased, at(9), email="a@x.org", phone="2"))
    assert read.outcome == sync_pb2.OUTCOME_UNCHANGED
    (leased,) = page(lead_store, "1", 10)
    (new,) = lead_store.reconcile(present(leased, at(10), before_lease=True, email="a@x.org", phone="9"))
    assert new.outcome == sync_pb2.OUTCOME_UPDATED
    assert lead_store.get(lead_id).phone == "9"


def test_r9_a_sweep_compares_with_the_last_full_reading(lead_store: LeadStore) -> None:
    """A page's record that was read since it changed is not leased; our own answer does not count as a reading."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", modified=3, email="a@x.org", phone="1")
    assert page(lead_store, "1", 3) == []
    lead_store.update(lead_id, phone="2")
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(3), email="a@x.org", phone="1"))
    lead_store.settle(lease, decision.write, **done("1", at(9), phone="2"))
    assert len(page(lead_store, "1", 8)) == 1


def test_r12_a_taken_email_at_create_becomes_a_link(lead_store: LeadStore) -> None:
    """A 409 on a create is followed to the record that holds the e-mail, even if it holds it as a second address."""
    lead_store.put_target()
    lead = lead_store.create(email="second@x.org", first_name="Ann")
    lease = lead_store.lease_one()
    (create,) = lead_store.reconcile(absent(lease))
    assert lead_store.settle(lease, create.write, email_taken=sync_pb2.EmailTaken(record_id="5"))
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
    assert lead_store.settle(lease, decision.write, email_taken=sync_pb2.EmailTaken(record_id="5"))
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    assert dict(decision.write.values) == {"phone": "2"}
    lead_store.settle(lease, decision.write, **done("1", at(1), phone="2"))
    (refused,) = lead_store.get(lead_id).links[0].refused
    assert (refused.field, refused.reason) == ("email", "email_taken")
    lead_store.update(lead_id, email="free@x.org")
    (decision,) = lead_store.reconcile(present(lead_store.lease_one(), at(1), email="a@x.org", phone="2"))
    assert dict(decision.write.values) == {"email": "free@x.org"}


def test_r13_a_detached_link_is_kept_and_only_a_push_creates_again(lead_store: LeadStore) -> None:
    """Unlinking keeps the record's id and the reason; an edit makes nothing due, a push of that very lead does."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org")
    (decision,) = lead_store.reconcile(archived(touched(lead_store, kind=inbox.TOUCH_KIND_DELETED)))
    assert decision.outcome == sync_pb2.OUTCOME_UNLINKED
    link = lead_store.get(lead_id).links[0]
    assert (link.state, link.detached_reason, link.record_id) == (lead_pb2.LINK_STATE_DETACHED, "record_archived", "1")
    lead_store.update(lead_id, phone="2")
    assert lead_store.lease(wait=0).leases == []
    push = sync_service_pb2.RequestSyncRequest(tenant_id=TENANT, integration_id=INTEGRATION, lead_ids=[lead_id])
    assert lead_store.sync.RequestSync(push, timeout=5).queued == 1
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(absent(lease))
    assert decision.write.kind == sync_pb2.WRITE_KIND_CREATE
    lead_store.settle(lease, decision.write, **done("2", at(9)))
    assert lead_store.get(lead_id).links[0].record_id == "2"


def test_r13_a_restored_record_attaches_again(lead_store: LeadStore) -> None:
    """A present reading of a detached record links it to the same lead; edits made meanwhile are merged."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.reconcile(archived(touched(lead_store, kind=inbox.TOUCH_KIND_DELETED)))
    lead_store.update(lead_id, phone="2")
    (decision,) = lead_store.reconcile(
        present(touched(lead_store, kind=inbox.TOUCH_KIND_RESTORED), at(3), email="a@x.org", phone="1")
    )
    assert (decision.outcome, decision.lead_id) == (sync_pb2.OUTCOME_LINKED, lead_id)
    assert dict(decision.write.values) == {"phone": "2"}


def test_r14_absent_unlinks_only_with_a_deletion_event_and_twice_a_minute_apart(lead_store: LeadStore) -> None:
    """One absent reading, or two without an event that says so, never unlink; a 403 is never taken for absent."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org")
    lease = touched(lead_store, kind=inbox.TOUCH_KIND_DELETED)
    (decision,) = lead_store.reconcile(absent(lease))
    assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_RELEASED, "record_missing")
    assert lead_store.get(lead_id).links[0].state == lead_pb2.LINK_STATE_ACTIVE
    a_minute_ago = datetime.now(UTC) - timedelta(seconds=61)
    lead_store.database.work_items.update_one(
        {"_id": lease.work_item_id}, {"$set": {"absent_at": a_minute_ago, "due_at": a_minute_ago}}
    )
    (decision,) = lead_store.reconcile(absent(lead_store.lease_one()))
    assert decision.outcome == sync_pb2.OUTCOME_UNLINKED


def test_r14_a_present_reading_clears_the_evidence(lead_store: LeadStore) -> None:
    """After a present reading an old deletion event proves nothing: the next absence fails for people to see."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org")
    lead_store.reconcile(present(touched(lead_store, kind=inbox.TOUCH_KIND_DELETED), at(1), email="a@x.org"))
    lease = touched(lead_store)
    lead_store.reconcile(absent(lease))
    a_minute_ago = datetime.now(UTC) - timedelta(seconds=61)
    lead_store.database.work_items.update_one(
        {"_id": lease.work_item_id}, {"$set": {"absent_at": a_minute_ago, "due_at": a_minute_ago}}
    )
    (decision,) = lead_store.reconcile(absent(lead_store.lease_one()))
    assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_FAILED, "record_missing")
    assert lead_store.get(lead_id).links[0].state == lead_pb2.LINK_STATE_ACTIVE


def test_r14_an_unreadable_record_is_not_absent(lead_store: LeadStore) -> None:
    """A 403 fails the work with its reason and leaves the link alone, whatever events say."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org")
    lease = touched(lead_store, kind=inbox.TOUCH_KIND_DELETED)
    seen = sync_pb2.UnreadableRecord(reason="missing_scopes")
    (decision,) = lead_store.reconcile(
        sync_pb2.Observation(work_item_id=lease.work_item_id, fence=lease.fence, unreadable=seen)
    )
    assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_FAILED, "missing_scopes")
    assert lead_store.get(lead_id).links[0].state == lead_pb2.LINK_STATE_ACTIVE
    (work,) = lead_store.work(sync_service_pb2.WORK_STATE_FAILED)
    assert (work.record_id, work.reason) == ("1", "missing_scopes")


def test_r16_two_commits_on_one_email_cannot_both_see_no_match(lead_store: LeadStore) -> None:
    """A lead made here and a contact made there with one e-mail, at the same moment, end as one pair."""
    lead_store.put_target()
    for n in range(10):
        email = f"same{n}@x.org"
        lead_store.deliver(touch(f"{n}", inbox.TOUCH_KIND_CREATED))
        lease = lead_store.lease_one()
        barrier = threading.Barrier(2)

        def make_here(email: str = email, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            lead_store.create(email=email)

        thread = threading.Thread(target=make_here)
        thread.start()
        barrier.wait()
        (decision,) = lead_store.reconcile(present(lease, at(n), email=email))
        thread.join()
        leads = [lead for lead in lead_store.all_leads() if lead.email == email]
        assert len([lead for lead in leads if lead.links]) == 1
        came_second = decision.outcome == sync_pb2.OUTCOME_CREATED  # then the lead made here is for a person to settle
        assert len(leads) == (2 if came_second else 1)
        while leases := lead_store.lease(wait=0).leases:
            lead_store.reconcile(*(present(waiting, at(n), record_id=str(n), email=email) for waiting in leases))
        failed = {work.reason for work in lead_store.work(sync_service_pb2.WORK_STATE_FAILED)}
        assert failed <= {"ambiguous_match"}
        assert failed or not came_second


def test_r18_a_direction_that_forbids_a_flow_leaves_the_base(lead_store: LeadStore) -> None:
    """Towards the CRM only, an edit in the CRM changes nothing here; the next edit here still goes out."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.put_target(direction=lead_pb2.DIRECTION_TO_CRM, revision=2)
    (decision,) = lead_store.reconcile(present(touched(lead_store), at(1), email="a@x.org", phone="crm"))
    assert (decision.outcome, decision.HasField("write")) == (sync_pb2.OUTCOME_UNCHANGED, False)
    assert lead_store.get(lead_id).phone == "1"
    lead_store.update(lead_id, phone="2")
    (decision,) = lead_store.reconcile(present(lead_store.lease_one(), at(1), email="a@x.org", phone="crm"))
    assert dict(decision.write.values) == {"phone": "2"}


def test_r18_from_the_crm_only_an_edit_here_makes_nothing_due(lead_store: LeadStore) -> None:
    """From the CRM only, edits here stay here, and an edit there of the same field replaces it."""
    lead_store.put_target(direction=lead_pb2.DIRECTION_FROM_CRM)
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.update(lead_id, phone="2")
    assert lead_store.lease(wait=0).leases == []
    (decision,) = lead_store.reconcile(present(touched(lead_store), at(1), email="a@x.org", phone="3"))
    assert (decision.outcome, decision.HasField("write")) == (sync_pb2.OUTCOME_UPDATED, False)
    assert lead_store.get(lead_id).phone == "3"


def test_r20_a_change_from_one_crm_makes_the_work_items_of_the_others_due(lead_store: LeadStore) -> None:
    """An update that came from one integration is passed on to the tenant's other one in the same commit."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.put_target(OTHER, account_id="222")
    lead_store.update(lead_id, first_name="Ann")
    leases = {lease.work_item_id: lease for _ in range(2) for lease in lead_store.lease().leases}
    other = next(lease for work_item_id, lease in leases.items() if work_item_id.startswith(OTHER))
    (create,) = lead_store.reconcile(absent(other))
    assert lead_store.settle(other, create.write, **done("b1", at(1)))
    own = next(lease for work_item_id, lease in leases.items() if work_item_id.startswith(INTEGRATION))
    (decision,) = lead_store.reconcile(present(own, at(5), email="a@x.org", phone="9", first_name="Ann"))
    assert decision.outcome == sync_pb2.OUTCOME_UPDATED
    (lease,) = lead_store.lease().leases
    assert lease.record_id == "b1"
    (decision,) = lead_store.reconcile(present(lease, at(1), email="a@x.org", phone="1", first_name="Ann"))
    assert dict(decision.write.values) == {"phone": "9"}


def test_r15_of_two_linked_leads_the_mark_decides_and_the_other_is_detached(lead_store: LeadStore) -> None:
    """When two linked records merge, one lead keeps the survivor; the other is detached as its duplicate (L8)."""
    lead_store.put_target()
    first = lead_store.import_contact("1", email="a@x.org", first_name="A")
    second = lead_store.import_contact("2", email="b@x.org", phone="2")
    lease = touched(lead_store, "3", inbox.TOUCH_KIND_CHANGED)
    seen = {"email": "b@x.org", "phone": "2", "marked": second, "merged": ["1", "2"]}
    history = {"email": [("b@x.org", at(0), False)], "phone": [("2", at(0), False)]}
    (decision,) = lead_store.reconcile(present(lease, at(9), history=history, **seen))
    assert (decision.outcome, decision.lead_id) == (sync_pb2.OUTCOME_LINKED, second)
    assert lead_store.get(second).links[0].record_id == "3"
    loser = lead_store.get(first).links[0]
    assert (loser.state, loser.detached_reason) == (lead_pb2.LINK_STATE_DETACHED, "duplicate_lead")
    for old in ("1", "2"):
        lease = touched(lead_store, old)
        merged = sync_pb2.Observation(
            work_item_id=lease.work_item_id, fence=lease.fence, merged=sync_pb2.MergedRecord(into_record_id="3")
        )
        lead_store.reconcile(merged)
        lead_store.reconcile(present(lead_store.lease_one(), at(9), **seen))
    assert lead_store.get(second).links[0].record_id == "3"
    assert lead_store.work() == []


def everything(store: LeadStore) -> str:
    """All documents of the database as one text, deliveries unpacked."""
    texts = []
    for name in store.database.list_collection_names():
        for document in store.database[name].find():
            if name == "deliveries":
                document["events"] = zstandard.decompress(document["events"])
            texts.append(str(document))
    return "\n".join(texts)


def test_r17_an_erasure_leaves_nothing_but_hashes_and_refuses_a_re_import(lead_store: LeadStore) -> None:
    """Lead, link, history, the person's events and work items go.

    The same record or e-mail never becomes a lead again.
    """
    lead_store.put_target()
    events = b'[{"objectId":1,"propertyValue":"secret name"},{"objectId":2,"propertyValue":"stays"}]'
    lead_store.deliver(touch("1", inbox.TOUCH_KIND_CREATED), touch("2"), raw=events, records=["1", "2"])
    eventually(lambda: len(lead_store.work(sync_service_pb2.WORK_STATE_DUE)) == 2)
    leases = {lease.record_id: lease for lease in lead_store.lease().leases}
    lead_store.reconcile(
        present(leases["1"], at(0), email="ann@x.org", first_name="secret name"),
        present(leases["2"], at(0), email="bob@x.org"),
    )
    (ann,) = [lead for lead in lead_store.all_leads() if lead.email == "ann@x.org"]
    lead_store.update(ann.lead_id, phone="secret phone")
    assert lead_store.lease_one().record_id == "1"
    lead_store.expire_lease(leases["1"].work_item_id)
    lead_store.deliver(touch("1", inbox.TOUCH_KIND_ERASED), raw=b'[{"objectId":1}]', records=["1"], key="erase")
    eventually(lambda: lead_store.database.deliveries.find_one({"_id": "erase"})["state"] == "routed")
    lease = lead_store.lease_one()
    lead_store.reconcile(absent(lease))
    (decision,) = lead_store.reconcile(absent(minute_later(lead_store, lease.work_item_id)))
    assert decision.outcome == sync_pb2.OUTCOME_ERASED
    left = everything(lead_store)
    assert "secret" not in left
    assert "ann@x.org" not in left
    assert "stays" in left
    assert [lead.email for lead in lead_store.all_leads()] == ["bob@x.org"]
    late = b'[{"objectId":1,"propertyValue":"secret again"}]'
    lead_store.deliver(touch("1", inbox.TOUCH_KIND_CREATED), raw=late, records=["1"], key="late")
    (again,) = lead_store.reconcile(present(lead_store.lease_one(), at(9), email="other@x.org"))
    (other,) = lead_store.reconcile(present(touched(lead_store, "3"), at(9), email="Ann@X.org"))
    assert [(d.outcome, d.reason) for d in (again, other)] == [(sync_pb2.OUTCOME_SKIPPED, "erased")] * 2
    assert "secret" not in everything(lead_store)


def test_r17_an_erasure_needs_the_same_proof_as_a_deletion(lead_store: LeadStore) -> None:
    """A privacy event for a record that is there, or in the archive, erases nothing."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org")
    (decision,) = lead_store.reconcile(
        present(touched(lead_store, kind=inbox.TOUCH_KIND_ERASED), at(1), email="a@x.org")
    )
    assert decision.outcome == sync_pb2.OUTCOME_UNCHANGED
    lead_store.reconcile(archived(touched(lead_store, kind=inbox.TOUCH_KIND_ERASED)))
    assert lead_store.get(lead_id).links[0].state == lead_pb2.LINK_STATE_DETACHED


def test_l7_more_deletions_than_the_cap_wait_for_a_person(lead_store: LeadStore) -> None:
    """Past the cap deletions fail as delete_cap and change nothing; redriving them is the person's consent."""
    lead_store.put_target(deletions=sync_pb2.Deletions(cap_number=2, cap_percent=1))
    for n in range(4):
        lead_store.import_contact(str(n), email=f"{n}@x.org")
    lead_store.deliver(*(touch(str(n), inbox.TOUCH_KIND_DELETED) for n in range(4)))
    eventually(lambda: len(lead_store.work(sync_service_pb2.WORK_STATE_DUE)) == 4)
    decisions = lead_store.reconcile(*(archived(lease) for lease in lead_store.lease().leases))
    assert [decision.outcome for decision in decisions].count(sync_pb2.OUTCOME_UNLINKED) == 2
    failed = lead_store.work(sync_service_pb2.WORK_STATE_FAILED)
    assert [work.reason for work in failed] == ["delete_cap"] * 2
    redrive = sync_service_pb2.RequestSyncRequest(
        tenant_id=TENANT, integration_id=INTEGRATION, failed=True, reason="delete_cap"
    )
    assert lead_store.sync.RequestSync(redrive, timeout=5).queued == 2
    decisions = lead_store.reconcile(*(archived(lease) for lease in lead_store.lease().leases))
    assert [decision.outcome for decision in decisions] == [sync_pb2.OUTCOME_UNLINKED] * 2


@pytest.mark.parametrize(
    ("policy", "outcome", "leads"),
    [
        (sync_pb2.DELETE_POLICY_UNLINK, sync_pb2.OUTCOME_UNLINKED, 1),
        (sync_pb2.DELETE_POLICY_DELETE_LEAD, sync_pb2.OUTCOME_UNLINKED, 0),
        (sync_pb2.DELETE_POLICY_IGNORE, sync_pb2.OUTCOME_SKIPPED, 1),
    ],
)
def test_a_deletion_follows_the_policy(lead_store: LeadStore, policy: int, outcome: int, leads: int) -> None:
    """A deleted record unlinks its lead, deletes it, or changes nothing, as the integration says."""
    lead_store.put_target(deletions=sync_pb2.Deletions(policy=policy))  # type: ignore[arg-type]
    lead_store.import_contact("1", email="a@x.org")
    (decision,) = lead_store.reconcile(archived(touched(lead_store, kind=inbox.TOUCH_KIND_DELETED)))
    assert decision.outcome == outcome
    assert len(lead_store.all_leads()) == leads


def test_a_deletion_waits_for_its_grace_period(lead_store: LeadStore) -> None:
    """Within the grace period nothing happens; a record that comes back in time is never unlinked."""
    lead_store.put_target(deletions=sync_pb2.Deletions(grace_seconds=3600))
    lead_id = lead_store.import_contact("1", email="a@x.org")
    (decision,) = lead_store.reconcile(archived(touched(lead_store, kind=inbox.TOUCH_KIND_DELETED)))
    assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_RELEASED, "deletion_grace")
    lead_store.reconcile(present(touched(lead_store, kind=inbox.TOUCH_KIND_RESTORED), at(2), email="a@x.org"))
    assert lead_store.get(lead_id).links[0].state == lead_pb2.LINK_STATE_ACTIVE
    assert lead_store.work() == []


def test_r19_changed_rules_make_all_work_items_due_behind_live_work(lead_store: LeadStore) -> None:
    """Another mapping, rule or direction looks at every record again, behind live work, and without the old base."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.import_contact("2", email="b@x.org")
    lead_store.put_target(revision=2)
    assert lead_store.lease(wait=0).leases == []
    lead_store.put_target(revision=3, mapping_fingerprint="m2", rules={"phone": {"rule": sync_pb2.MERGE_RULE_ASK}})
    lead_store.deliver(touch("9"), key="live")
    eventually(lambda: lead_store.database.deliveries.find_one({"_id": "live"})["state"] == "routed")
    (first,) = lead_store.lease(max_leases=1).leases
    assert first.record_id == "9"
    leases = {lease.record_id: lease for lease in lead_store.lease().leases}
    assert leases.keys() == {"1", "2"}
    (decision,) = lead_store.reconcile(present(leases["1"], at(1), email="a@x.org", phone="2"))
    assert not decision.HasField("write")
    (conflict,) = lead_store.get(lead_id).links[0].conflicts
    assert (conflict.field, conflict.ours, conflict.theirs) == ("phone", "1", "2")


def test_fence_two_workers_never_hold_one_work_item(lead_store: LeadStore) -> None:
    """Of many workers that ask at once, one gets the work item; another process gets none of the integration's work."""
    lead_store.put_target()
    for n in range(5):
        lead_store.deliver(touch(str(n)))
    eventually(lambda: len(lead_store.work(sync_service_pb2.WORK_STATE_DUE)) == 5)
    got: list[str] = []

    def ask(worker: str) -> None:
        got.extend(lease.work_item_id for lease in lead_store.lease(wait=0, worker=worker).leases)

    threads = [threading.Thread(target=ask, args=(worker,)) for worker in (WORKER, WORKER, "worker-2", "worker-3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got)) == 5


def test_a_worker_without_the_lease_is_told_that_it_is_fenced(lead_store: LeadStore) -> None:
    """Reconcile decides only for the holder of a lease that lasts."""
    lead_store.put_target()
    lease = touched(lead_store, kind=inbox.TOUCH_KIND_CREATED)
    (stranger,) = lead_store.reconcile(present(lease, at(0), email="a@x.org"), worker="worker-9")
    assert stranger.outcome == sync_pb2.OUTCOME_FENCED
    lead_store.expire_lease(lease.work_item_id)
    (late,) = lead_store.reconcile(present(lease, at(0), email="a@x.org"))
    assert late.outcome == sync_pb2.OUTCOME_FENCED
    assert lead_store.all_leads() == []


def test_asking_for_a_decision_twice_gives_the_same_write(lead_store: LeadStore) -> None:
    """A Reconcile whose answer was lost may be repeated under the same lease: the same write comes back."""
    lead_store.put_target()
    lead_store.create(email="a@x.org")
    lease = lead_store.lease_one()
    (first,) = lead_store.reconcile(absent(lease))
    (again,) = lead_store.reconcile(absent(lease))
    assert first.write.write_id == again.write.write_id
    assert dict(first.write.values) == dict(again.write.values)


def test_wrong_requests_name_the_field(lead_store: LeadStore) -> None:
    """A bad request is INVALID_ARGUMENT and says which field is wrong."""
    with pytest.raises(grpc.RpcError) as failure:
        lead_store.reconcile(sync_pb2.Observation(work_item_id="x"))
    assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert b"observations[0].state" in dict(failure.value.trailing_metadata())["grpc-status-details-bin"]
