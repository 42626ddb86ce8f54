"""Work that keeps failing: what it does to others, how people see it and how they get it going again."""

import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from embedded_mongo import free_port
from lead_store_calls import (
    ACCOUNT,
    INTEGRATION,
    TENANT,
    LeadStore,
    absent,
    at,
    done,
    eventually,
    present,
    running,
    touch,
)
from lead_store_moves import holders, pushed_out
from leadsync.sync.v1 import work_service_pb2 as work_pb
from work_item_values import put_values


def die_with_it(store: LeadStore) -> list[str]:
    """Lease what is due, and let the worker die: its leases end without a word. Answers the records."""
    leases = store.lease().leases
    for lease in leases:
        store.expire_lease(lease.work_item_id)
    return sorted(lease.record_id for lease in leases)


def fail(store: LeadStore, *records: str, reason: str = "conflict") -> None:
    """Let the work on records fail."""
    store.deliver(*(touch(record) for record in records))
    eventually(lambda: len(store.work(work_pb.WORK_STATE_DUE)) == len(records))
    releases = [
        work_pb.Release(
            work_item_id=lease.work_item_id, fence=lease.fence, kind=work_pb.RELEASE_KIND_FAILED, reason=reason
        )
        for lease in store.lease().leases
    ]
    store.work_stub.ReleaseWork(work_pb.ReleaseWorkRequest(worker_id="worker-1", releases=releases), timeout=60)


def redrive(store: LeadStore, **more: Any) -> int:
    """Redrive failed work."""
    request = work_pb.RequestSyncRequest(tenant_id=TENANT, integration_id=INTEGRATION, failed=True, **more)
    return store.work_stub.RequestSync(request, timeout=60).queued


def test_work_that_ends_its_worker_is_kept_apart_and_given_up(lead_store: LeadStore) -> None:
    """After three claims without an end a work item is leased alone, after six it has failed; its neighbours go on."""
    lead_store.put_target()
    lead_store.deliver(touch("bad"), touch("good"))
    eventually(lambda: len(lead_store.work(work_pb.WORK_STATE_DUE)) == 2)
    assert [die_with_it(lead_store) for _ in range(3)] == [["bad", "good"]] * 3
    alone: list[str] = []
    while leases := lead_store.lease(wait=0).leases:
        (lease,) = leases
        alone.append(lease.record_id)
        if lease.record_id == "good":
            lead_store.reconcile(present(lease, at(1), email="good@x.org"))
        else:
            lead_store.expire_lease(lease.work_item_id)
    assert sorted(alone) == ["bad"] * 3 + ["good"]
    (failed,) = lead_store.work(work_pb.WORK_STATE_FAILED)
    assert (failed.record_id, failed.reason) == ("bad", "crash_loop")
    assert failed.cause
    assert failed.remedy
    assert [lead.email for lead in lead_store.all_leads()] == ["good@x.org"]


def test_a_claim_that_comes_to_an_end_clears_the_suspicion(lead_store: LeadStore) -> None:
    """A work item that was given back between two crashes starts to count again from zero."""
    lead_store.put_target()
    lead_store.deliver(touch("1"))
    for _ in range(2):
        die_with_it(lead_store)
    (lease,) = lead_store.lease().leases
    release = work_pb.Release(
        work_item_id=lease.work_item_id,
        fence=lease.fence,
        kind=work_pb.RELEASE_KIND_WAITING,
        reason="crm_error",
    )
    lead_store.work_stub.ReleaseWork(work_pb.ReleaseWorkRequest(worker_id="worker-1", releases=[release]), timeout=60)
    work_item = lead_store.database.work_items.find_one({"record_id": "1"})
    assert work_item is not None
    assert work_item["claims"] == 0


def test_redriving_can_be_counted_first(lead_store: LeadStore) -> None:
    """A dry run says how much a filter finds and changes nothing; doing it twice finds nothing the second time."""
    lead_store.put_target()
    fail(lead_store, "1", "2")
    fail(lead_store, "3", reason="email_taken")
    assert (redrive(lead_store, dry_run=True), redrive(lead_store, reason="conflict", dry_run=True)) == (3, 2)
    assert len(lead_store.work(work_pb.WORK_STATE_FAILED)) == 3
    assert redrive(lead_store, reason="conflict") == 2
    assert redrive(lead_store, reason="conflict") == 0
    assert [work.record_id for work in lead_store.work(work_pb.WORK_STATE_FAILED)] == ["3"]


@pytest.mark.parametrize(
    "wrong",
    [{"per_second": -1}, {"dry_run": True}, {"work_item_ids": ["x"] * 1_001}, {"reason": "x" * 129}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_wrong_request_for_work_makes_nothing_due(lead_store: LeadStore, wrong: dict[str, Any]) -> None:
    """A request is checked whole before any of it is done; a dry run never pushes leads."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org")
    with pytest.raises(grpc.RpcError) as caught:
        redrive(lead_store, lead_ids=[lead_id], **wrong)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert lead_store.work() == []


def test_a_new_credential_ends_the_waits_for_it(lead_store: LeadStore) -> None:
    """What waits or has failed since the CRM refused the old one is due at once; what waits for others waits on."""
    lead_store.put_target()
    fail(lead_store, "1", reason="crm_auth_failed")
    fail(lead_store, "2", reason="email_taken")
    lead_store.deliver(touch("3"), touch("4"))
    eventually(lambda: len(lead_store.work(work_pb.WORK_STATE_DUE)) == 2)
    reasons = {"3": "crm_auth_failed", "4": "daily_limit"}
    releases = [
        work_pb.Release(
            work_item_id=lease.work_item_id,
            fence=lease.fence,
            kind=work_pb.RELEASE_KIND_WAITING,
            reason=reasons[lease.record_id],
            retry_after_ms=3_600_000,
        )
        for lease in lead_store.lease().leases
    ]
    lead_store.work_stub.ReleaseWork(work_pb.ReleaseWorkRequest(worker_id="worker-1", releases=releases), timeout=60)
    request = work_pb.RequestSyncRequest(tenant_id=TENANT, integration_id=INTEGRATION, credential_renewed=True)

    queued = [lead_store.work_stub.RequestSync(request, timeout=60).queued for _ in range(2)]

    assert queued == [2, 0]
    assert sorted(lease.record_id for lease in lead_store.lease().leases) == ["1", "3"]
    assert [work.record_id for work in lead_store.work(work_pb.WORK_STATE_FAILED)] == ["2"]


def test_redriving_at_a_rate_spreads_the_work(lead_store: LeadStore) -> None:
    """At one a second, the third work item becomes due two seconds after the first."""
    lead_store.put_target()
    fail(lead_store, "1", "2", "3")
    assert redrive(lead_store, per_second=1) == 3
    due = sorted(work.due_at.ToDatetime() for work in lead_store.work(work_pb.WORK_STATE_DUE))
    assert timedelta(seconds=1.9) < due[2] - due[0] < timedelta(seconds=2.5)


def test_l9_integrations_take_turns(lead_store: LeadStore) -> None:
    """However large and old the backlogs of others are, each integration is worked once before any is twice."""
    names = [f"integration-{n}" for n in range(5)]
    for n, name in enumerate([*names, "late"]):
        lead_store.put_target(name, account_id=str(n))
        lead_store.deliver(*(touch(str(record)) for record in range(3)), account=str(n))
    eventually(lambda: lead_store.database.work_items.count_documents({"due_at": {"$type": "date"}}) == 18)
    turns = [lead_store.lease(wait=0, max_leases=1).integration_id for _ in range(12)]
    assert sorted(turns[:6]) == sorted(turns[6:]) == sorted([*names, "late"])


def test_deliveries_expire_after_the_set_time_and_failed_work_does_not(mongo_url: str) -> None:
    """A delivery's expiry is the setting's; a work item has none."""
    with running(mongo_url, retention=timedelta(days=3)) as store:
        store.put_target()
        fail(store, "1")
        delivery = store.database.deliveries.find_one({})
        assert delivery is not None
        assert delivery["expires_at"] - delivery["recorded_at"] == timedelta(days=3)
        indexes = store.database.work_items.index_information().values()
        assert not [index for index in indexes if "expireAfterSeconds" in index]


def test_operators_see_how_much_waits(mongo_url: str) -> None:
    """The metrics count due and failed work items and deliveries of unknown accounts, and name no tenant."""
    port = free_port()
    with running(mongo_url, metrics_port=port) as store:
        store.put_target()
        fail(store, "1")
        store.deliver(touch("2"), account="nobody")
        eventually(lambda: store.database.deliveries.find_one({"state": "unroutable"}))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            text = answer.read().decode()
    assert "leadsync_work_failed 1.0" in text
    assert "leadsync_work_due 0.0" in text
    assert "leadsync_deliveries_unroutable 1.0" in text
    assert "leadsync_work_oldest_due_seconds 0.0" in text
    assert 'leadsync_loop_failing_seconds{loop="routing"} 0.0' in text
    assert TENANT not in text
    assert ACCOUNT not in text


def test_l10_a_lead_that_is_being_created_does_not_fail_for_a_record_that_it_has_found_before(
    lead_store: LeadStore,
) -> None:
    """The record that a lead shared its e-mail with gets another one: in the batch that finds out, the lead is made."""
    lead_store.put_target()
    pushed_out(lead_store, lead_store.create(email="a@x.org").lead_id, "1", 0, email="a@x.org")
    lead = lead_store.create(email="a@x.org", first_name="Two")
    found = lead_store.lease_one()
    lead_store.reconcile(present(found, at(0), record_id="1", email="a@x.org"))
    past = datetime.now(UTC) - timedelta(seconds=1)
    put_values(lead_store.database.work_items, found.work_item_id, due_at=past)
    leases = {lease.work_item_id: lease for lease in lead_store.lease().leases}
    own = leases.pop(found.work_item_id)
    (record,) = leases.values()
    _, create = lead_store.reconcile(present(record, at(1), email="other@x.org"), absent(own))
    assert lead_store.settle(own, create.write, done("2", at(2), email="a@x.org"))
    assert holders(lead_store, "2") == [lead.lead_id]
    assert lead_store.work(work_pb.WORK_STATE_FAILED) == []
