"""Deleted and converted leads: what becomes of their links, and of the records behind them."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from integration.lead_store.archives import ARCHIVE, asked_to_archive, counter, imported, settled
from lead_store_calls import (
    INTEGRATION,
    TENANT,
    LeadStore,
    archived,
    at,
    document,
    done,
    present,
    touch,
)
from lead_store_moves import delete, give_back, lease_of, link_of, push, pushed_out, touched
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_pb2, lead_service_pb2
from leadsync.sync.v1 import policy_pb2, sync_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb

OTHER = "integration-2"
DELETED, RESTORED = inbox.TOUCH_KIND_DELETED, inbox.TOUCH_KIND_RESTORED


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
    assert lead_store.settle(lease, write, sync_pb2.WriteDone(record_id="1"))
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
    lead_id = in_two_crms(lead_store, {"deletions": ARCHIVE}, {})
    delete(lead_store, lead_id)
    assert link_of(lead_store, lead_id, OTHER)["detached_reason"] == "lead_deleted"
    assert link_of(lead_store, lead_id)["detached_reason"] == ""
    settled(lead_store)
    assert link_of(lead_store, lead_id)["detached_reason"] == "lead_deleted"


def test_a_lead_that_a_deletion_in_one_crm_deletes_is_deleted_for_the_others_too(lead_store: LeadStore) -> None:
    """R20: with the policy `delete_lead` here and `archive` there, the record there goes to the archive as well."""
    follow = policy_pb2.Deletions(policy=policy_pb2.DELETE_POLICY_DELETE_LEAD)
    in_two_crms(lead_store, {"deletions": follow}, {"deletions": ARCHIVE})
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
        except Exception as error:  # noqa: BLE001 - asserted below
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
    assert lead_store.settle(lease, decision.write, done("1", at(2), phone="2"))
    settled(lead_store)


def test_a_delete_that_races_a_decision_loses_nothing(lead_store: LeadStore) -> None:
    """However a delete and a decision on its record meet, the lead stays deleted and its record is archived once."""
    lead_store.put_target(deletions=ARCHIVE)
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
        assert lead_store.settle(lease, decision.write, sync_pb2.WriteDone(record_id=record_id))
        assert link_of(lead_store, lead_id)["detached_reason"] == "lead_deleted"
        assert document(lead_store.database.leads, lead_id)["deleted_at"] is not None
        for again in lead_store.lease(wait=0).leases:  # the delete came during the lease
            lead_store.reconcile(archived(again))
    assert (lead_store.status().to_crm_synced, lead_store.work()) == (8, [])


def test_a_deleted_leads_record_is_not_imported_by_a_new_connection(lead_store: LeadStore) -> None:
    """An account that is connected again does not bring back what was deleted on the platform."""
    lead_id = imported(lead_store, deletions=None)
    delete(lead_store, lead_id)
    lead_store.work_stub.RemoveTarget(
        work_pb.RemoveTargetRequest(tenant_id=TENANT, integration_id=INTEGRATION), timeout=60
    )
    for integration_id in (INTEGRATION, OTHER):
        lead_store.put_target(integration_id, revision=5)
        lead_store.deliver(touch("1"))
        (decision,) = lead_store.reconcile(present(lease_of(lead_store, "1", integration_id), at(2), email="1@x.org"))
        assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_SKIPPED, "lead_deleted")
        remove = work_pb.RemoveTargetRequest(tenant_id=TENANT, integration_id=integration_id)
        lead_store.work_stub.RemoveTarget(remove, timeout=60)
    assert lead_store.all_leads() == []


def watched(store: LeadStore, change: Callable[[], None]) -> lead_pb2.Lead:
    """The ended lead that a watch shows after a change; it may show first what was made a moment before it began."""
    watch = store.leads.WatchLeads(lead_service_pb2.WatchLeadsRequest(tenant_id=TENANT), timeout=60)
    next(watch)
    change()
    lead: lead_pb2.Lead = next(answer.lead for answer in watch if answer.lead.end_reason)
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
    give_back(lead_store, lead_store.lease_one(), work_pb.RELEASE_KIND_WAITING)
    settled(lead_store)
