"""A record that has to be archived: answers that are lost, races, caps, refusals."""

from typing import Any

from integration.lead_store.archives import ARCHIVE, asked_to_archive, counter, imported, settled
from lead_store_calls import (
    INTEGRATION,
    TENANT,
    LeadStore,
    absent,
    archived,
    at,
    done,
    eventually,
    present,
    touch,
)
from lead_store_moves import delete, lease_of, link_of, minute_later
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_service_pb2
from leadsync.sync.v1 import policy_pb2, sync_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb

OTHER = "integration-2"
DELETED, RESTORED = inbox.TOUCH_KIND_DELETED, inbox.TOUCH_KIND_RESTORED


def crashed(store: LeadStore, lead_id: str, kind: int | None = None) -> sync_pb2.Lease:
    """Be asked to archive, and never answer; an event may follow. Answers the next lease."""
    delete(store, lead_id)
    lease, _ = asked_to_archive(store)
    if kind is not None:
        store.deliver(touch("1", kind))
        eventually(lambda: store.database.work_items.find_one({"_id": lease.work_item_id}).get("deleted_at"))  # type: ignore[union-attr]
    store.expire_lease(lease.work_item_id)
    return store.lease_one()


def test_r2_a_left_over_archive_that_landed_is_done(lead_store: LeadStore) -> None:
    """A record that reads as archived is what the write wanted: nothing is sent again."""
    lead_id = imported(lead_store)
    (decision,) = lead_store.reconcile(archived(crashed(lead_store, lead_id)))
    assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_UNLINKED, "lead_deleted")
    link = link_of(lead_store, lead_id)
    assert (link["pending"], link["detached_reason"]) == (None, "lead_deleted")
    assert (lead_store.status().to_crm_synced, lead_store.status().from_crm_unlinked) == (1, 0)


def test_r2_a_left_over_archive_that_never_left_is_asked_for_again(lead_store: LeadStore) -> None:
    """A record that is still there, and whose deletion no event reported, has not been archived yet."""
    lead_id = imported(lead_store)
    lease = crashed(lead_store, lead_id)
    (decision,) = lead_store.reconcile(present(lease, at(1), email="1@x.org", phone="1"))
    assert decision.write.kind == sync_pb2.WRITE_KIND_ARCHIVE


def test_r2_a_record_that_was_archived_and_restored_is_not_archived_again(lead_store: LeadStore) -> None:
    """A person who takes the record out of the archive has the last word, even if the write's answer was lost."""
    lead_id = imported(lead_store)
    lease = crashed(lead_store, lead_id, DELETED)
    (decision,) = lead_store.reconcile(present(lease, at(5), email="1@x.org", phone="1"))
    assert (decision.outcome, decision.HasField("write")) == (sync_pb2.OUTCOME_UNLINKED, False)
    assert link_of(lead_store, lead_id)["detached_reason"] == "lead_deleted"


def test_r14_a_missing_record_of_a_deleted_lead_is_detached_after_a_minute(lead_store: LeadStore) -> None:
    """One absent reading proves nothing; two, a minute apart, end the wait."""
    lead_id = imported(lead_store)
    delete(lead_store, lead_id)
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(absent(lease))
    assert decision.reason == "record_missing"
    lead_store.reconcile(absent(minute_later(lead_store, lease.work_item_id)))
    assert link_of(lead_store, lead_id)["detached_reason"] == "lead_deleted"
    assert lead_store.work() == []


def test_l7_archiving_more_than_the_cap_waits_for_a_person(lead_store: LeadStore) -> None:
    """The cap counts these deletions too; a write that was not sent is not one; redriving is the person's consent."""
    few = policy_pb2.Deletions(record_policy=policy_pb2.RECORD_POLICY_ARCHIVE, cap_number=1, cap_percent=1)
    leads = [imported(lead_store, record_id, deletions=few) for record_id in "12"]
    delete(lead_store, leads[0])
    lease, decision = asked_to_archive(lead_store, "1")
    lead_store.settle(lease, decision.write, sync_pb2.WriteNotSent(reason="rate_limited"))
    settled(lead_store, "1")
    delete(lead_store, leads[1])
    (failed,) = lead_store.reconcile(present(lease_of(lead_store, "2"), at(1), email="2@x.org", phone="1"))
    assert (failed.outcome, failed.reason) == (sync_pb2.OUTCOME_FAILED, "delete_cap")
    redrive = work_pb.RequestSyncRequest(tenant_id=TENANT, integration_id=INTEGRATION, failed=True, reason="delete_cap")
    assert lead_store.work_stub.RequestSync(redrive, timeout=60).queued == 1
    lease, decision = asked_to_archive(lead_store, "2")
    lead_store.settle(lease, decision.write, sync_pb2.WriteNotSent(reason="rate_limited"))
    settled(lead_store, "2")  # the consent lasts until it is done


def test_a_policy_that_was_taken_back_archives_nothing(lead_store: LeadStore) -> None:
    """The policy that counts is that of the moment of the write; leads deleted before `archive` are left alone too."""
    before = imported(lead_store, "1", deletions=None)
    delete(lead_store, before)
    lead_store.reconcile(present(lead_store.lease_one(), at(1), email="1@x.org", phone="1"))
    after = imported(lead_store, "2", revision=2)
    delete(lead_store, after)
    lead_store.put_target(revision=3)
    lead_store.deliver(touch("1"), touch("2"))
    eventually(lambda: len(lead_store.work(work_pb.WORK_STATE_DUE)) == 2)
    leases = lead_store.lease().leases
    seen = [present(lease, at(2), email=f"{lease.record_id}@x.org", phone="1") for lease in leases]
    assert not any(decision.HasField("write") for decision in lead_store.reconcile(*seen))
    assert link_of(lead_store, after)["detached_reason"] == "lead_deleted"


def test_a_page_does_not_archive(lead_store: LeadStore) -> None:
    """R8.

    The record is read again under the lease before it goes to the archive, since it may have been merged away.
    """
    lead_id = imported(lead_store)
    delete(lead_store, lead_id)
    lease = lead_store.lease_one()
    page = present(lease, at(1), email="1@x.org", phone="1", before_lease=True)
    assert lead_store.reconcile(page)[0].outcome == sync_pb2.OUTCOME_NEEDS_READING
    (decision,) = lead_store.reconcile(present(lease, at(1), email="1@x.org", phone="1"))
    assert decision.write.kind == sync_pb2.WRITE_KIND_ARCHIVE


def test_l2_what_the_crms_people_entered_unseen_is_kept_in_the_history(lead_store: LeadStore) -> None:
    """A record that changed in the CRM after the deletion is archived all the same, and the values are noted."""
    lead_id = imported(lead_store)
    delete(lead_store, lead_id)
    lease, decision = asked_to_archive(lead_store, phone="unseen", company="1 Inc.")
    lead_store.settle(lease, decision.write, sync_pb2.WriteDone(record_id="1"))
    request = lead_service_pb2.ExplainLeadRequest(tenant_id=TENANT, lead_id=lead_id)
    changes = [
        (field.field, field.before, field.after)
        for entry in lead_store.leads.ExplainLead(request, timeout=60).explanations
        for field in entry.fields
        if field.side == "crm"
    ]
    assert changes == [("company", "1 Inc.", ""), ("phone", "unseen", "")]


def creating(store: LeadStore) -> tuple[str, sync_pb2.Lease, sync_pb2.Decision]:
    """A lead whose record is being created."""
    store.put_target(deletions=ARCHIVE)
    lead_id = store.create(email="1@x.org").lead_id
    lease = store.lease_one()
    (decision,) = store.reconcile(absent(lease))
    return lead_id, lease, decision


def test_a_record_that_was_created_while_its_lead_was_deleted_is_archived(lead_store: LeadStore) -> None:
    """L6: the create settles, and then its record goes to the archive by the policy."""
    lead_id, lease, decision = creating(lead_store)
    delete(lead_store, lead_id)
    assert lead_store.settle(lease, decision.write, done("1", at(1)))
    settled(lead_store)
    assert link_of(lead_store, lead_id)["detached_reason"] == "lead_deleted"


def test_a_record_whose_create_was_never_answered_is_archived_too(lead_store: LeadStore) -> None:
    """R6: the mark leads from the record to the deleted lead that it was made for."""
    lead_id, lease, _ = creating(lead_store)
    delete(lead_store, lead_id)
    lead_store.expire_lease(lease.work_item_id)
    lead_store.reconcile(present(lead_store.lease_one(), at(1), record_id="7", email="1@x.org", marked=lead_id))
    seen: dict[str, Any] = {"email": "1@x.org", "marked": lead_id, "source_system": "jazzaam"}
    lease = lease_of(lead_store, "7")
    (decision,) = lead_store.reconcile(present(lease, at(1), **seen))
    assert (decision.write.kind, decision.write.record_id) == (sync_pb2.WRITE_KIND_ARCHIVE, "7")
    assert lead_store.settle(lease, decision.write, sync_pb2.WriteDone(record_id="7"))
    assert link_of(lead_store, lead_id)["detached_reason"] == "lead_deleted"
    assert counter(lead_store, "linked") == 0


def test_a_refused_archive_waits_for_a_person(lead_store: LeadStore) -> None:
    """The work fails with the CRM's reason, and another try asks for the same write."""
    lead_id = imported(lead_store)
    delete(lead_store, lead_id)
    lease, decision = asked_to_archive(lead_store)
    lead_store.settle(lease, decision.write, sync_pb2.WriteRefused(reason="crm_refused"))
    (work,) = lead_store.work(work_pb.WORK_STATE_FAILED)
    assert work.reason == "crm_refused"
    redrive = work_pb.RequestSyncRequest(tenant_id=TENANT, integration_id=INTEGRATION, failed=True)
    assert lead_store.work_stub.RequestSync(redrive, timeout=60).queued == 1
    settled(lead_store)
