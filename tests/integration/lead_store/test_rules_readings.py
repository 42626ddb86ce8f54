"""Rules about readings and links: stale ones, pages, evidence of a deletion, directions, leases."""

import threading
from datetime import UTC, datetime, timedelta

import grpc
from lead_store_calls import (
    INTEGRATION,
    TENANT,
    WORKER,
    LeadStore,
    absent,
    archived,
    at,
    counters_of,
    document,
    done,
    eventually,
    present,
    stamp,
    touch,
)
from lead_store_moves import refusal, touched
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import policy_pb2, sync_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb
from work_item_values import put_values

OTHER = "integration-2"


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
    assert counters_of(lead_store)["stale_accepted"] == 1


def page(store: LeadStore, record_id: str, modified: float) -> list[sync_pb2.Lease]:
    """Lease the one record of a page."""
    records = [work_pb.PageRecord(record_id=record_id, modified_at=stamp(at(modified)))]
    return list(store.lease(wait=0, integration_id=INTEGRATION, records=records).leases)


def test_r8_a_page_older_than_what_was_seen_is_read_again(lead_store: LeadStore) -> None:
    """A page read before its lease is used if it is new enough; otherwise the record has to be read under the lease."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", modified=0, email="a@x.org", phone="1")
    lead_store.update(lead_id, phone="2")
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    lead_store.settle(lease, decision.write, done("1", at(9), phone="2"))
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
    lead_store.settle(lease, decision.write, done("1", at(9), phone="2"))
    assert len(page(lead_store, "1", 8)) == 1


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
    push = work_pb.RequestSyncRequest(tenant_id=TENANT, integration_id=INTEGRATION, lead_ids=[lead_id])
    assert lead_store.work_stub.RequestSync(push, timeout=60).queued == 1
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(absent(lease))
    assert decision.write.kind == sync_pb2.WRITE_KIND_CREATE
    lead_store.settle(lease, decision.write, done("2", at(9)))
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
    put_values(lead_store.database.work_items, lease.work_item_id, absent_at=a_minute_ago, due_at=a_minute_ago)
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
    put_values(lead_store.database.work_items, lease.work_item_id, absent_at=a_minute_ago, due_at=a_minute_ago)
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
    (work,) = lead_store.work(work_pb.WORK_STATE_FAILED)
    assert (work.record_id, work.reason) == ("1", "missing_scopes")


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
    assert lead_store.settle(other, create.write, done("b1", at(1)))
    own = next(lease for work_item_id, lease in leases.items() if work_item_id.startswith(INTEGRATION))
    (decision,) = lead_store.reconcile(present(own, at(5), email="a@x.org", phone="9", first_name="Ann"))
    assert decision.outcome == sync_pb2.OUTCOME_UPDATED
    (lease,) = lead_store.lease().leases
    assert lease.record_id == "b1"
    (decision,) = lead_store.reconcile(present(lease, at(1), email="a@x.org", phone="1", first_name="Ann"))
    assert dict(decision.write.values) == {"phone": "9"}


def test_r19_changed_rules_make_all_work_items_due_behind_live_work(lead_store: LeadStore) -> None:
    """Another mapping, rule or direction looks at every record again, behind live work, and without the old base."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.import_contact("2", email="b@x.org")
    lead_store.put_target(revision=2)
    assert lead_store.lease(wait=0).leases == []
    lead_store.put_target(revision=3, mapping_fingerprint="m2", rules={"phone": {"rule": policy_pb2.MERGE_RULE_ASK}})
    lead_store.deliver(touch("9"), key="live")
    eventually(lambda: document(lead_store.database.deliveries, "live")["state"] == "routed")
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
    eventually(lambda: len(lead_store.work(work_pb.WORK_STATE_DUE)) == 5)
    got: list[str] = []

    def ask(worker: str) -> None:
        got.extend(lease.work_item_id for lease in lead_store.lease(wait=0, worker=worker).leases)

    threads = [threading.Thread(target=ask, args=(worker,)) for worker in (WORKER, WORKER, "worker-2", "worker-3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got)) == 5


def test_a_worker_without_the_lease_is_fenced(lead_store: LeadStore) -> None:
    """Reconcile decides only for the holder of a lease that lasts."""
    lead_store.put_target()
    lease = touched(lead_store, kind=inbox.TOUCH_KIND_CREATED)
    (stranger,) = lead_store.reconcile(present(lease, at(0), email="a@x.org"), worker="worker-9")
    assert stranger.outcome == sync_pb2.OUTCOME_FENCED
    lead_store.expire_lease(lease.work_item_id)
    (late,) = lead_store.reconcile(present(lease, at(0), email="a@x.org"))
    assert late.outcome == sync_pb2.OUTCOME_FENCED
    assert lead_store.all_leads() == []


def test_wrong_requests_name_the_field(lead_store: LeadStore) -> None:
    """A bad request is INVALID_ARGUMENT and says which field is wrong."""
    wrong = sync_pb2.Observation(work_item_id="x")
    assert refusal(lambda: lead_store.reconcile(wrong)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "invalid_field",
        "observations[0].state",
    )
