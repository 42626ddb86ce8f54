"""Deleted and converted leads: what becomes of their links, and of the records behind them."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from lead_store_calls import INTEGRATION, TENANT, LeadStore, absent, archived, at, done, eventually, present, touch
from lead_store_moves import delete, give_back, lease_of, link_of, minute_later, push, pushed_out, touched
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_pb2, lead_service_pb2
from leadsync.sync.v1 import sync_pb2
from leadsync.sync.v1 import sync_service_pb2 as pb

OTHER = "integration-2"
BIN = sync_pb2.Deletions(record_policy=sync_pb2.RECORD_POLICY_ARCHIVE)
DELETED, RESTORED = inbox.TOUCH_KIND_DELETED, inbox.TOUCH_KIND_RESTORED


def imported(store: LeadStore, record_id: str = "1", **target: Any) -> str:
    """A lead with a record, in an account whose records follow their leads into the archive."""
    store.put_target(**{"deletions": BIN, **target})
    return store.import_contact(record_id, email=f"{record_id}@x.org", phone="1")


def asked_to_archive(store: LeadStore, record_id: str = "1", **values: str) -> tuple[sync_pb2.Lease, sync_pb2.Decision]:
    """Read the record of a deleted lead, and be asked for the write."""
    lease = lease_of(store, record_id)
    seen = {"email": f"{record_id}@x.org", "phone": "1", **values}
    (decision,) = store.reconcile(present(lease, at(1), **seen))
    assert decision.write.kind == sync_pb2.WRITE_KIND_ARCHIVE
    return lease, decision


def settled(store: LeadStore, record_id: str = "1") -> None:
    """Archive the record of a deleted lead."""
    lease, decision = asked_to_archive(store, record_id)
    assert store.settle(lease, decision.write, done=sync_pb2.WriteDone(record_id=record_id))


def counter(store: LeadStore, name: str, integration_id: str = INTEGRATION) -> int:
    """One counter of an integration."""
    return int((store.database.counters.find_one({"_id": integration_id}) or {}).get(name, 0))


def test_the_record_of_a_deleted_lead_stays_by_default(lead_store: LeadStore) -> None:
    """The link is detached at once; neither the record's events nor its restore bring the lead back or write."""
    lead_id = imported(lead_store, deletions=None)
    delete(lead_store, lead_id)
    link = link_of(lead_store, lead_id)
    assert (link["record_id"], link["detached_reason"]) == ("1", "lead_deleted")
    assert counter(lead_store, "linked") == 0
    lead_store.reconcile(present(lead_store.lease_one(), at(1), email="1@x.org", phone="1"))
    for kind in (inbox.TOUCH_KIND_CHANGED, RESTORED):
        lease = touched(lead_store, kind=kind)
        (decision,) = lead_store.reconcile(present(lease, at(9), email="1@x.org", phone="crm"))
        assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_SKIPPED, "lead_deleted")
        assert not decision.HasField("write")
    assert lead_store.all_leads() == []


def test_the_record_of_a_deleted_lead_is_archived_by_policy(lead_store: LeadStore) -> None:
    """It is written down, sent, settled; the echo and a restore in the CRM cause nothing any more (L3, L4)."""
    lead_id = imported(lead_store)
    delete(lead_store, lead_id)
    lease, decision = asked_to_archive(lead_store)
    write = decision.write
    assert (write.record_id, write.lead_id, dict(write.values)) == ("1", lead_id, {})
    assert link_of(lead_store, lead_id)["pending"]["kind"] == "archive"
    assert lead_store.settle(lease, write, done=sync_pb2.WriteDone(record_id="1"))
    link = link_of(lead_store, lead_id)
    assert (link["pending"], link["detached_reason"]) == (None, "lead_deleted")
    assert (lead_store.status().to_crm_synced, counter(lead_store, "linked")) == (1, 0)
    (echo,) = lead_store.reconcile(archived(touched(lead_store, kind=DELETED)))
    (back,) = lead_store.reconcile(present(touched(lead_store, kind=RESTORED), at(9), email="1@x.org"))
    assert [d.outcome for d in (echo, back)] == [sync_pb2.OUTCOME_SKIPPED] * 2
    assert not back.HasField("write")
    assert lead_store.all_leads() == lead_store.work() == []


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ({"direction": lead_pb2.DIRECTION_FROM_CRM}, lead_service_pb2.END_REASON_DELETED),
        ({}, lead_service_pb2.END_REASON_CONVERTED),
    ],
)
def test_neither_a_forbidden_direction_nor_a_conversion_archives(
    lead_store: LeadStore, target: dict[str, Any], reason: int
) -> None:
    """R18: nothing flows to a CRM that only gives; and the record of a customer stays whatever the policy."""
    lead_id = imported(lead_store, **target)
    delete(lead_store, lead_id, reason=reason)
    converted = reason == lead_service_pb2.END_REASON_CONVERTED
    assert link_of(lead_store, lead_id)["detached_reason"] == ("lead_converted" if converted else "lead_deleted")
    lead_store.deliver(touch("1"))
    (decision,) = lead_store.reconcile(present(lease_of(lead_store, "1"), at(9), email="1@x.org", phone="9"))
    assert decision.outcome == sync_pb2.OUTCOME_SKIPPED
    assert not decision.HasField("write")


def in_two_crms(store: LeadStore, here: dict[str, Any], there: dict[str, Any]) -> str:
    """A lead that is record 1 in one account and record b in another one."""
    lead_id = imported(store, **{"deletions": None, **here})
    store.put_target(OTHER, account_id="222", **there)
    push(store, lead_id, integration_id=OTHER)
    pushed_out(store, lead_id, "b", 1, account="222", email="1@x.org", phone="1")
    return lead_id


def test_each_integration_follows_its_own_policy(lead_store: LeadStore) -> None:
    """Of a lead with records in two CRMs, one record goes to its archive and the other one stays."""
    lead_id = in_two_crms(lead_store, {"deletions": BIN}, {})
    delete(lead_store, lead_id)
    assert link_of(lead_store, lead_id, OTHER)["detached_reason"] == "lead_deleted"
    assert link_of(lead_store, lead_id)["detached_reason"] == ""
    settled(lead_store)
    assert link_of(lead_store, lead_id)["detached_reason"] == "lead_deleted"


def test_a_lead_that_a_deletion_in_one_crm_deletes_is_deleted_for_the_others_too(lead_store: LeadStore) -> None:
    """R20: with the policy `delete_lead` here and `archive` there, the record there goes to the archive as well."""
    follow = sync_pb2.Deletions(policy=sync_pb2.DELETE_POLICY_DELETE_LEAD)
    in_two_crms(lead_store, {"deletions": follow}, {"deletions": BIN})
    lead_store.reconcile(archived(touched(lead_store, kind=DELETED)))
    assert lead_store.all_leads() == []
    (decision,) = lead_store.reconcile(present(lease_of(lead_store, "b", OTHER), at(1), email="1@x.org"))
    assert decision.write.kind == sync_pb2.WRITE_KIND_ARCHIVE


def test_deleting_twice_at_once_archives_once(lead_store: LeadStore) -> None:
    """Deletes that race are all fine, whatever their reason: the first one counts."""
    lead_id = imported(lead_store)
    failures: list[Exception] = []

    def attempt() -> None:
        try:
            delete(lead_store, lead_id)
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    delete(lead_store, lead_id, reason=lead_service_pb2.END_REASON_CONVERTED)
    assert link_of(lead_store, lead_id)["detached_reason"] == ""
    assert lead_store.database.decisions.count_documents({"lead_id": lead_id, "outcome": "deleted"}) == 1
    settled(lead_store)
    assert lead_store.work() == []


def test_a_delete_waits_for_the_write_that_is_under_way(lead_store: LeadStore) -> None:
    """R5: the record is archived after the update that was being written, not beside it."""
    lead_id = imported(lead_store)
    lead_store.update(lead_id, phone="2")
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(1), email="1@x.org", phone="1"))
    delete(lead_store, lead_id)
    assert lead_store.lease(wait=0).leases == []
    assert lead_store.settle(lease, decision.write, **done("1", at(2), phone="2"))
    settled(lead_store)


def test_a_delete_that_races_a_decision_loses_nothing(lead_store: LeadStore) -> None:
    """However a delete and a decision on its record meet, the lead stays deleted and its record is archived once."""
    lead_store.put_target(deletions=BIN)
    for n in range(8):
        record_id = str(n)
        lead_id = lead_store.import_contact(record_id, email=f"{n}@x.org", phone="1")
        lead_store.deliver(touch(record_id))
        lease = lease_of(lead_store, record_id)
        racing = threading.Thread(target=delete, args=(lead_store, lead_id))
        racing.start()
        (decision,) = lead_store.reconcile(present(lease, at(2), email=f"{n}@x.org", phone="2"))
        racing.join()
        if not decision.HasField("write"):
            lease, decision = asked_to_archive(lead_store, record_id, phone="2")
        assert decision.write.kind == sync_pb2.WRITE_KIND_ARCHIVE
        assert lead_store.settle(lease, decision.write, done=sync_pb2.WriteDone(record_id=record_id))
        assert link_of(lead_store, lead_id)["detached_reason"] == "lead_deleted"
        assert lead_store.database.leads.find_one({"_id": lead_id})["deleted_at"] is not None
        for again in lead_store.lease(wait=0).leases:  # the delete came during the lease
            lead_store.reconcile(archived(again))
    assert (lead_store.status().to_crm_synced, lead_store.work()) == (8, [])


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
    """A record that is still there, and of whose deletion no event told, has not been archived yet."""
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


def test_r14_a_missing_record_of_a_deleted_lead_is_let_go_after_a_minute(lead_store: LeadStore) -> None:
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
    few = sync_pb2.Deletions(record_policy=sync_pb2.RECORD_POLICY_ARCHIVE, cap_number=1, cap_percent=1)
    leads = [imported(lead_store, record_id, deletions=few) for record_id in "12"]
    delete(lead_store, leads[0])
    lease, decision = asked_to_archive(lead_store, "1")
    lead_store.settle(lease, decision.write, not_sent=sync_pb2.WriteNotSent(reason="rate_limited"))
    settled(lead_store, "1")
    delete(lead_store, leads[1])
    (failed,) = lead_store.reconcile(present(lease_of(lead_store, "2"), at(1), email="2@x.org", phone="1"))
    assert (failed.outcome, failed.reason) == (sync_pb2.OUTCOME_FAILED, "delete_cap")
    redrive = pb.RequestSyncRequest(tenant_id=TENANT, integration_id=INTEGRATION, failed=True, reason="delete_cap")
    assert lead_store.sync.RequestSync(redrive, timeout=5).queued == 1
    lease, decision = asked_to_archive(lead_store, "2")
    lead_store.settle(lease, decision.write, not_sent=sync_pb2.WriteNotSent(reason="rate_limited"))
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
    eventually(lambda: len(lead_store.work(pb.WORK_STATE_DUE)) == 2)
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
    lead_store.settle(lease, decision.write, done=sync_pb2.WriteDone(record_id="1"))
    request = lead_service_pb2.ExplainLeadRequest(tenant_id=TENANT, lead_id=lead_id)
    told = [
        (field.field, field.before, field.after)
        for entry in lead_store.leads.ExplainLead(request, timeout=5).explanations
        for field in entry.fields
        if field.side == "crm"
    ]
    assert told == [("company", "1 Inc.", ""), ("phone", "unseen", "")]


def creating(store: LeadStore) -> tuple[str, sync_pb2.Lease, sync_pb2.Decision]:
    """A lead whose record is being created."""
    store.put_target(deletions=BIN)
    lead_id = store.create(email="1@x.org").lead_id
    lease = store.lease_one()
    (decision,) = store.reconcile(absent(lease))
    return lead_id, lease, decision


def test_a_record_that_was_created_while_its_lead_was_deleted_is_archived(lead_store: LeadStore) -> None:
    """L6: the create settles, and then its record goes to the archive by the policy."""
    lead_id, lease, decision = creating(lead_store)
    delete(lead_store, lead_id)
    assert lead_store.settle(lease, decision.write, **done("1", at(1)))
    settled(lead_store)
    assert link_of(lead_store, lead_id)["detached_reason"] == "lead_deleted"


def test_a_record_whose_create_was_never_heard_of_is_archived_too(lead_store: LeadStore) -> None:
    """R6: the mark leads from the record to the deleted lead that it was made for."""
    lead_id, lease, _ = creating(lead_store)
    delete(lead_store, lead_id)
    lead_store.expire_lease(lease.work_item_id)
    lead_store.reconcile(present(lead_store.lease_one(), at(1), record_id="7", email="1@x.org", marked=lead_id))
    seen = {"email": "1@x.org", "marked": lead_id, "source_system": "jazzaam"}
    lease = lease_of(lead_store, "7")
    (decision,) = lead_store.reconcile(present(lease, at(1), **seen))
    assert (decision.write.kind, decision.write.record_id) == (sync_pb2.WRITE_KIND_ARCHIVE, "7")
    assert lead_store.settle(lease, decision.write, done=sync_pb2.WriteDone(record_id="7"))
    assert link_of(lead_store, lead_id)["detached_reason"] == "lead_deleted"
    assert counter(lead_store, "linked") == 0


def test_a_refused_archive_waits_for_a_person(lead_store: LeadStore) -> None:
    """The work fails with the CRM's reason, and another try asks for the same write."""
    lead_id = imported(lead_store)
    delete(lead_store, lead_id)
    lease, decision = asked_to_archive(lead_store)
    lead_store.settle(lease, decision.write, refused=sync_pb2.WriteRefused(reason="crm_refused"))
    (work,) = lead_store.work(pb.WORK_STATE_FAILED)
    assert work.reason == "crm_refused"
    redrive = pb.RequestSyncRequest(tenant_id=TENANT, integration_id=INTEGRATION, failed=True)
    assert lead_store.sync.RequestSync(redrive, timeout=5).queued == 1
    settled(lead_store)


def test_a_deleted_leads_record_is_not_imported_by_a_new_connection(lead_store: LeadStore) -> None:
    """An account that is connected again does not bring back what was deleted on the platform."""
    lead_id = imported(lead_store, deletions=None)
    delete(lead_store, lead_id)
    lead_store.sync.RemoveTarget(pb.RemoveTargetRequest(tenant_id=TENANT, integration_id=INTEGRATION), timeout=5)
    for integration_id in (INTEGRATION, OTHER):
        lead_store.put_target(integration_id, revision=5)
        lead_store.deliver(touch("1"))
        (decision,) = lead_store.reconcile(present(lease_of(lead_store, "1", integration_id), at(2), email="1@x.org"))
        assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_SKIPPED, "lead_deleted")
        remove = pb.RemoveTargetRequest(tenant_id=TENANT, integration_id=integration_id)
        lead_store.sync.RemoveTarget(remove, timeout=5)
    assert lead_store.all_leads() == []


def watched(store: LeadStore, change: Callable[[], None]) -> lead_pb2.Lead:
    """The lead that a watch shows after a change."""
    watch = store.leads.WatchLeads(lead_service_pb2.WatchLeadsRequest(tenant_id=TENANT), timeout=30)
    next(watch)
    change()
    lead: lead_pb2.Lead = next(answer.lead for answer in watch if answer.HasField("lead"))
    watch.cancel()
    return lead


def test_a_watch_says_why_a_lead_has_ended(lead_store: LeadStore) -> None:
    """Deleted, converted or merged into which lead: those who watch learn it."""
    first, second, third, survivor = (lead_store.create(email=f"{n}@x.org").lead_id for n in range(4))
    plain = watched(lead_store, lambda: delete(lead_store, first))
    customer = watched(lead_store, lambda: delete(lead_store, second, reason=lead_service_pb2.END_REASON_CONVERTED))
    into = {"reason": lead_service_pb2.END_REASON_MERGED, "merged_into_lead_id": survivor}
    merged = watched(lead_store, lambda: delete(lead_store, third, **into))
    assert [lead.end_reason for lead in (plain, customer, merged)] == ["deleted", "converted", "merged"]
    assert (merged.merged_into_lead_id, plain.merged_into_lead_id) == (survivor, "")
    assert lead_store.get(survivor).end_reason == ""


def test_released_work_of_a_deleted_lead_is_tried_again(lead_store: LeadStore) -> None:
    """A worker that gives the work item back without an answer leaves the archive due."""
    lead_id = imported(lead_store)
    delete(lead_store, lead_id)
    give_back(lead_store, lead_store.lease_one(), pb.RELEASE_KIND_WAITING)
    settled(lead_store)
