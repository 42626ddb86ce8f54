"""Hard cases of work items.

Runs, removed integrations, workers that come and go, and what one bad work item does to others.
"""

from datetime import UTC, datetime, timedelta

import grpc
from lead_store_calls import (
    FIELDS,
    INTEGRATION,
    LeadStore,
    absent,
    archived,
    at,
    done,
    eventually,
    present,
    touch,
)
from lead_store_moves import (
    disconnect,
    drop_run,
    give_back,
    minute_later,
    push,
    pushed_out,
    refusal,
    settle_all,
    touched,
)
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import sync_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb
from structlog.testing import capture_logs
from work_item_values import put_values

OTHER = "integration-2"


def other_tenant_has_work(store: LeadStore) -> None:
    """Connect another tenant, and deliver an event to it."""
    store.put_target(OTHER, tenant_id="tenant-2", account_id="9")
    store.deliver(touch("5", inbox.TOUCH_KIND_CREATED), account="9")
    eventually(lambda: store.database.work_items.count_documents({"integration_id": OTHER}))


def test_l9_a_work_item_of_a_removed_integration_delays_no_other(lead_store: LeadStore) -> None:
    """A due work item that a race left behind in a removed integration does not delay another tenant."""
    lead_store.put_target()
    lead_store.deliver(touch("1"))
    work_item = eventually(lambda: lead_store.database.work_items.find_one({"record_id": "1"}))
    disconnect(lead_store)
    lead_store.database.work_items.insert_one(work_item)
    other_tenant_has_work(lead_store)
    assert lead_store.lease().integration_id == OTHER


def test_l9_a_worker_that_is_busy_with_a_backlog_is_given_the_next_tenants_work(lead_store: LeadStore) -> None:
    """However much is due in one integration, a worker that names it as busy gets another tenant's live work item."""
    lead_store.put_target()
    lead_store.deliver(*(touch(f"backlog-{n}") for n in range(120)))
    eventually(lambda: lead_store.database.work_items.count_documents({}) == 120)
    other_tenant_has_work(lead_store)
    first = lead_store.lease(wait=0)
    assert (first.integration_id, len(first.leases)) == (INTEGRATION, 100)
    (lease,) = lead_store.lease(wait=0, busy_integration_ids=[INTEGRATION]).leases
    assert lease.record_id == "5"


def test_l9_a_run_belongs_to_its_tenant(lead_store: LeadStore) -> None:
    """Dropping a run's work needs the tenant that owns the integration."""
    lead_store.put_target()
    push(lead_store, lead_store.import_contact("1", email="a@x.org"), run_id="r1")
    unnamed = refusal(lambda: drop_run(lead_store, "r1", tenant_id=""))
    assert unnamed == (grpc.StatusCode.INVALID_ARGUMENT, "invalid_field", "tenant_id")
    assert refusal(lambda: drop_run(lead_store, "r1", tenant_id="tenant-2"))[0] == grpc.StatusCode.NOT_FOUND
    assert drop_run(lead_store, "r1") == 1


def test_l9_another_tenant_cannot_take_an_integration_over(lead_store: LeadStore) -> None:
    """A target that is there already is never given to another tenant, whatever the revision."""
    lead_store.put_target()
    code, reason, _ = refusal(lambda: lead_store.put_target(tenant_id="tenant-2", revision=9))
    assert (code, reason) == (grpc.StatusCode.ALREADY_EXISTS, "account_connected")


def test_l2_a_cancelled_run_keeps_the_edit_that_it_asked_for_too(lead_store: LeadStore) -> None:
    """A work item that was due for an edit before a run asked for it stays due when the run's work is dropped."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.update(lead_id, phone="2")
    push(lead_store, lead_id, run_id="r1")
    drop_run(lead_store, "r1")
    assert lead_store.lease_one().record_id == "1"


def test_r2_a_cancelled_run_does_not_abandon_a_left_over_write(lead_store: LeadStore) -> None:
    """A run's work item whose write was never answered is still read, whatever becomes of the run."""
    lead = lead_store.create(email="a@x.org")
    lead_store.put_target()
    push(lead_store, lead.lead_id, run_id="r1")
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(absent(lease))
    assert decision.HasField("write")
    lead_store.expire_lease(lease.work_item_id)
    assert drop_run(lead_store, "r1") == 0
    assert lead_store.lease_one().lead_id == lead.lead_id


def test_an_edit_is_not_put_behind_a_run_by_a_push(lead_store: LeadStore) -> None:
    """A work item that is due for an edit is leased before the run's other work items.

    Though the run asked for it too.
    """
    lead_store.put_target()
    first, second = (lead_store.import_contact(n, email=f"{n}@x.org") for n in ("1", "2"))
    push(lead_store, first, run_id="r1")
    lead_store.update(second, phone="2")
    push(lead_store, second, run_id="r1")
    assert [lease.record_id for lease in lead_store.lease(max_leases=1).leases] == ["2"]


def test_r13_a_push_creates_once(lead_store: LeadStore) -> None:
    """The push that made a new record is used up: when people delete that one too, nothing creates it again."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org")
    lead_store.reconcile(archived(touched(lead_store, kind=inbox.TOUCH_KIND_DELETED)))
    push(lead_store, lead_id)
    pushed_out(lead_store, lead_id, "2", 1, email="a@x.org")
    lead_store.reconcile(archived(touched(lead_store, "2", inbox.TOUCH_KIND_DELETED)))
    assert lead_store.get(lead_id).links[0].state == lead_pb2.LINK_STATE_DETACHED
    lead_store.put_target(revision=2, mapping_fingerprint="m2")
    leases = lead_store.lease().leases
    assert {lease.record_id for lease in leases} == {"1", "2", ""}
    decisions = lead_store.reconcile(*(archived(x) if x.record_id else absent(x) for x in leases))
    assert not any(decision.HasField("write") for decision in decisions)


def test_r14_evidence_older_than_a_present_reading_does_not_count(lead_store: LeadStore) -> None:
    """A deletion event that a present reading has answered proves nothing when the record is missing later."""
    lead_store.put_target()
    lead_store.import_contact("1", email="a@x.org")
    lease = touched(lead_store, kind=inbox.TOUCH_KIND_DELETED)
    lead_store.deliver(touch("1"), key="during the lease")
    eventually(lambda: lead_store.database.deliveries.find_one({"_id": "during the lease", "state": "routed"}))
    lead_store.reconcile(present(lease, at(1), email="a@x.org"))
    lease = lead_store.lease_one()
    lead_store.reconcile(absent(lease))
    (decision,) = lead_store.reconcile(absent(minute_later(lead_store, lease.work_item_id)))
    assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_FAILED, "record_missing")


def test_r19_a_crash_between_keeping_new_rules_and_making_work_items_due_heals(lead_store: LeadStore) -> None:
    """Repeating PutTarget makes the work items due that the first call did not come to."""
    lead_store.put_target()
    lead_store.import_contact("1", email="a@x.org")
    kept = {"mapping": "m2", "revision": 2}
    lead_store.database.targets.update_one({"_id": INTEGRATION}, {"$set": kept})
    lead_store.put_target(revision=2, mapping_fingerprint="m2")
    assert lead_store.lease_one().record_id == "1"


def test_r19_an_older_revision_of_a_target_changes_nothing(lead_store: LeadStore) -> None:
    """A PutTarget that was overtaken by a newer one makes no work item due."""
    lead_store.put_target(revision=5, mapping_fingerprint="m5")
    lead_store.import_contact("1", email="a@x.org")
    lead_store.put_target(revision=4, mapping_fingerprint="m4")
    assert lead_store.lease(wait=0).leases == []


def test_l10_new_work_on_a_failed_work_item_has_a_day_of_attempts_again(lead_store: LeadStore) -> None:
    """An event on a work item that was given up starts its day again: one more failure does not fail it at once."""
    lead_store.put_target()
    lead_store.import_contact("1", email="a@x.org")
    lease = touched(lead_store)
    give_back(lead_store, lease, work_pb.RELEASE_KIND_RETRY)
    now = datetime.now(UTC)
    a_day_ago = now - timedelta(hours=25)
    put_values(lead_store.database.work_items, lease.work_item_id, first_failed_at=a_day_ago, due_at=now)
    give_back(lead_store, lead_store.lease_one(), work_pb.RELEASE_KIND_RETRY)
    assert len(lead_store.work(work_pb.WORK_STATE_FAILED)) == 1
    give_back(lead_store, touched(lead_store), work_pb.RELEASE_KIND_RETRY)
    assert lead_store.work(work_pb.WORK_STATE_FAILED) == []


def test_l10_a_work_item_waits_a_day_at_most(lead_store: LeadStore) -> None:
    """However long a CRM asks to wait, the work item is due again within a day."""
    lead_store.put_target()
    give_back(lead_store, touched(lead_store), work_pb.RELEASE_KIND_WAITING, wait_ms=2**62)
    (work,) = lead_store.work(work_pb.WORK_STATE_DUE)
    assert work.due_at.ToDatetime(UTC) <= datetime.now(UTC) + timedelta(days=1)


def test_fence_a_lease_does_not_outlive_a_new_connection(lead_store: LeadStore) -> None:
    """The fence of a work item goes on rising when its integration is removed and connected again."""
    lead_store.put_target()
    old = touched(lead_store)
    disconnect(lead_store)
    lead_store.put_target(revision=5)
    assert touched(lead_store).work_item_id == old.work_item_id
    (decision,) = lead_store.reconcile(present(old, at(0), email="a@x.org"))
    assert decision.outcome == sync_pb2.OUTCOME_FENCED


def test_a_worker_that_leaves_gives_its_integrations_up_at_once(lead_store: LeadStore) -> None:
    """A process that ends leases nothing more, and the next one need not wait until its tenure and leases are over."""
    lead_store.put_target()
    lead_store.deliver(touch("1"), touch("2"))
    eventually(lambda: len(lead_store.work(work_pb.WORK_STATE_DUE)) == 2)
    assert len(lead_store.lease(wait=0, max_leases=1).leases) == 1
    assert lead_store.lease(wait=0, worker="worker-2").leases == []
    assert lead_store.lease(wait=0, leaving=True).leases == []
    assert len(lead_store.lease(wait=0, worker="worker-2").leases) == 2


def test_the_work_of_a_worker_that_has_gone_is_due_at_once(lead_store: LeadStore) -> None:
    """The next process gets it without waiting for the lease to end, but not a record whose write may still land."""
    lead_store.put_target()
    lead_store.create(email="pushed@x.org")
    (write,) = lead_store.reconcile(absent(lead_store.lease_one()))
    assert write.HasField("write")
    lead_store.deliver(touch("1"))
    before = lead_store.lease_one()
    assert lead_store.lease(wait=0, leaving=True).leases == []
    (lease,) = lead_store.lease(wait=0, worker="worker-2").leases
    assert (lease.work_item_id, lease.fence > before.fence) == (before.work_item_id, True)
    (decision,) = lead_store.reconcile(present(before, at(0), email="a@x.org"))
    assert decision.outcome == sync_pb2.OUTCOME_FENCED


def test_a_decision_that_is_asked_for_twice_is_counted_once(lead_store: LeadStore) -> None:
    """Repeating a Reconcile under the same lease adds neither to the counters nor to the lead's history."""

    def shown(write: sync_pb2.Decision) -> tuple[str, int, int]:
        pushed = lead_store.database.decisions.count_documents({"outcome": "pushed"})
        return write.write.write_id, lead_store.status().decided, pushed

    lead_store.put_target()
    lead_store.create(email="a@x.org")
    lease = lead_store.lease_one()
    first = shown(*lead_store.reconcile(absent(lease)))
    assert shown(*lead_store.reconcile(absent(lease))) == first


def test_r12_a_conflict_that_names_no_email_fails_alone(lead_store: LeadStore) -> None:
    """A taken e-mail reported for a write without one fails that write only; its neighbour in the batch settles."""
    lead_store.put_target()
    for lead_id in [lead_store.import_contact(n, email=f"{n}@x.org", phone="1") for n in ("1", "2")]:
        lead_store.update(lead_id, phone="2")
    bad, good = sorted(lead_store.lease().leases, key=lambda lease: lease.record_id)
    seen = (present(lease, at(0), email=f"{lease.record_id}@x.org", phone="1") for lease in (bad, good))
    refused, taken = lead_store.reconcile(*seen)
    email_taken = sync_pb2.WriteDuplicate(record_ids=["5"])
    assert settle_all(lead_store, (bad, refused, email_taken), (good, taken, done("2", at(1)))) == [True, True]
    (failed,) = lead_store.work()
    assert (failed.record_id, failed.state, failed.reason) == ("1", work_pb.WORK_STATE_FAILED, "conflict")


def test_a_record_that_is_too_large_to_store_fails_alone(lead_store: LeadStore) -> None:
    """A record whose values and base do not fit into one document fails; its neighbour in the batch is decided."""
    names = [f"custom_fields.f{n}" for n in range(100)]
    lead_store.put_target(fields=[*FIELDS, *names])
    lead_store.deliver(touch("1"), touch("2"))
    eventually(lambda: len(lead_store.work(work_pb.WORK_STATE_DUE)) == 2)
    large, small = sorted(lead_store.lease().leases, key=lambda lease: lease.record_id)
    oversized, text = present(large, at(0), email="large@x.org"), "x" * 60_000  # 18 MB: value, and base of each side
    oversized.present.readings.extend(sync_pb2.Reading(field=name, crm=text, value=text) for name in names)
    with capture_logs() as logs:
        bad, good = lead_store.reconcile(oversized, present(small, at(0), email="small@x.org"))
    assert {"A record cannot be decided", "Work failed"} < {entry["event"] for entry in logs}
    assert (bad.outcome, bad.reason) == (sync_pb2.OUTCOME_FAILED, "cannot_be_stored")
    assert good.outcome == sync_pb2.OUTCOME_CREATED
    (failed,) = lead_store.work()
    assert (failed.record_id, failed.state, failed.reason) == (
        "1",
        work_pb.WORK_STATE_FAILED,
        "cannot_be_stored",
    )
    assert [lead.email for lead in lead_store.all_leads()] == ["small@x.org"]


def test_a_process_becomes_an_integrations_worker_before_it_reads_a_page(lead_store: LeadStore) -> None:
    """Asking for an integration without records leases nothing, and keeps other processes from spending its quota."""
    lead_store.put_target()
    assert lead_store.lease(worker="worker-1", integration_id=INTEGRATION).leases == []
    code, reason, _ = refusal(lambda: lead_store.lease(worker="worker-2", integration_id=INTEGRATION))
    assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "integration_busy")
    lead_store.lease(worker="worker-1", leaving=True)
    assert lead_store.lease(worker="worker-2", integration_id=INTEGRATION).leases == []
