"""Pages that a sweep has read: what is leased of them, and what is counted as found by them."""

from typing import Any

from lead_store_calls import INTEGRATION, WORKER, LeadStore, archived, at, document, eventually, present, stamp, touch
from lead_store_moves import touched
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.sync.v1 import policy_pb2, sync_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb
from work_item_values import put_values

NOT_ME = policy_pb2.Deletions(policy=policy_pb2.DELETE_POLICY_IGNORE)


def page(store: LeadStore, *record_ids: str, seconds: float = 5, **more: Any) -> list[sync_pb2.Lease]:
    """Lease records of a page: of a sweep, unless said otherwise."""
    gone = more.pop("archived", False)
    records = [work_pb.PageRecord(record_id=r, modified_at=stamp(at(seconds)), archived=gone) for r in record_ids]
    request = work_pb.LeaseWorkRequest(
        worker_id=WORKER, integration_id=INTEGRATION, records=records, **{"sweep": True, **more}
    )
    return list(store.work_stub.LeaseWork(request, timeout=60).leases)


def in_bin(store: LeadStore, *record_ids: str) -> list[sync_pb2.Lease]:
    """Lease records of a page of the archive."""
    return page(store, *record_ids, archived=True)


def test_of_the_bin_only_records_that_a_lead_is_linked_to_are_leased(lead_store: LeadStore) -> None:
    """Strangers in the archive, and records whose link is detached already, cost nothing."""
    lead_store.put_target()
    for record_id in "12":
        lead_store.import_contact(record_id, email=f"{record_id}@x.org")
    lead_store.reconcile(archived(touched(lead_store, "2", inbox.TOUCH_KIND_DELETED)))
    (lease,) = in_bin(lead_store, "1", "2", "3")
    assert lease.record_id == "1"
    (decision,) = lead_store.reconcile(archived(lease))
    assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_UNLINKED, "record_archived")
    assert in_bin(lead_store, "1", "2", "3") == []
    assert (lead_store.status().found_by_sweep, lead_store.status().from_crm_unlinked) == (1, 2)


def test_r8_a_page_of_the_bin_is_no_evidence(lead_store: LeadStore) -> None:
    """What was in the archive before the lease may have been restored: it is read again, and a present record stays."""
    lead_store.put_target()
    lead_store.import_contact("1", email="a@x.org")
    (lease,) = in_bin(lead_store, "1")
    seen = archived(lease)
    seen.read_before_lease = True
    assert lead_store.reconcile(seen)[0].outcome == sync_pb2.OUTCOME_NEEDS_READING
    (decision,) = lead_store.reconcile(present(lease, at(5), email="a@x.org"))
    assert decision.outcome == sync_pb2.OUTCOME_UNCHANGED
    assert lead_store.status().found_by_sweep == 0


def test_l7_a_sweep_leaves_deletions_over_the_cap_to_people(lead_store: LeadStore) -> None:
    """Work that waits for consent is not leased by later pages; nor where deletions are ignored."""
    lead_store.put_target(deletions=policy_pb2.Deletions(cap_number=1, cap_percent=1))
    for record_id in "12":
        lead_store.import_contact(record_id, email=f"{record_id}@x.org")
    lead_store.reconcile(*(archived(lease) for lease in in_bin(lead_store, "1", "2")))
    assert [work.reason for work in lead_store.work(work_pb.WORK_STATE_FAILED)] == ["delete_cap"]
    assert in_bin(lead_store, "1", "2") == []
    assert lead_store.status().found_by_sweep == 1
    lead_store.put_target(deletions=NOT_ME, revision=2)
    lead_store.import_contact("3", email="3@x.org")
    assert in_bin(lead_store, "3") == []


def test_a_sweeps_deletion_waits_for_its_grace_and_is_counted_once_it_is_followed(lead_store: LeadStore) -> None:
    """What only a sweep has found stays so until it is decided."""
    lead_store.put_target(deletions=policy_pb2.Deletions(grace_seconds=3600))
    lead_store.import_contact("1", email="a@x.org")
    (lease,) = in_bin(lead_store, "1")
    assert lead_store.reconcile(archived(lease))[0].reason == "deletion_grace"
    assert (in_bin(lead_store, "1"), lead_store.status().found_by_sweep) == ([], 0)
    past = at(0)
    put_values(lead_store.database.work_items, lease.work_item_id, gone_at=past, due_at=past)
    assert lead_store.reconcile(archived(lead_store.lease_one()))[0].outcome == sync_pb2.OUTCOME_UNLINKED
    assert lead_store.status().found_by_sweep == 1


def test_only_what_no_event_reported_counts_as_found(lead_store: LeadStore) -> None:
    """A change on a sweep's page counts once; not one of an import's, nor one that an event reported."""
    lead_store.put_target()
    for sweep, record_id in ((True, "1"), (False, "2")):
        (lease,) = page(lead_store, record_id, sweep=sweep)
        lead_store.reconcile(present(lease, at(5), email=f"{record_id}@x.org", before_lease=True))
    assert lead_store.status().found_by_sweep == 1
    (lease,) = page(lead_store, "1", seconds=6)
    lead_store.reconcile(present(lease, at(6), email="1@x.org", before_lease=True))
    assert lead_store.status().found_by_sweep == 1
    (lease,) = page(lead_store, "1", seconds=7)
    lead_store.deliver(touch("1"), key="late")
    eventually(lambda: document(lead_store.database.deliveries, "late")["state"] == "routed")
    lead_store.reconcile(present(lease, at(7), email="1@x.org", phone="1", before_lease=True))
    assert lead_store.status().found_by_sweep == 1
    lead_store.reconcile(present(lead_store.lease_one(), at(7), email="1@x.org", phone="1"))
    (lease,) = page(lead_store, "1", seconds=8)
    lead_store.reconcile(present(lease, at(8), email="1@x.org", phone="2", before_lease=True))
    assert lead_store.status().found_by_sweep == 2
