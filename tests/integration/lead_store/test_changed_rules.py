"""What changed rules do: each field its own way, and every record looked at again, as a run that people can follow."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from lead_store.domain.applying import AT_ONCE
from lead_store.domain.decision import Decision, NextStep, Outcome
from lead_store.domain.work_item import WorkItem, WorkItemTouch
from lead_store.mongo.store import Store
from lead_store.mongo.work_item_updates import idle_work_item
from lead_store.mongo.work_lists import WorkLists
from lead_store.usecases.applying import Apply
from lead_store.usecases.arrivals import Arrivals
from lead_store.usecases.lease import LeaseWork
from lead_store.usecases.run_pace import BESIDE_CHANGES, PAUSE, RunPace
from lead_store.usecases.targets import Targets
from lead_store.usecases.work_signal import WorkSignal
from lead_store_calls import INTEGRATION, TENANT, LeadStore, absent, at, document, done, eventually, present, touch
from lead_store_moves import refusal
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import policy_pb2, sync_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb
from work_item_values import put_values

TO, FROM = lead_pb2.DIRECTION_TO_CRM, lead_pb2.DIRECTION_FROM_CRM
RULES = {"phone": {"direction": TO}, "company": {"direction": FROM}}
MANY = 400


def fill(lead_store: LeadStore, count: int) -> None:
    """Make work items of records that were read some time ago."""
    now = datetime.now(UTC)
    touches = [WorkItemTouch(TENANT, INTEGRATION, record_id=f"r{number}") for number in range(count)]
    lead_store.database.work_items.insert_many(
        [{"_id": one.work_item_id, **idle_work_item(one, now)} for one in touches]
    )


def due(lead_store: LeadStore) -> int:
    """Number of work items that are due."""
    return lead_store.database.work_items.count_documents({"due_at": {"$type": "date"}})


def work_off(lead_store: LeadStore, work_item_ids: Iterable[str]) -> None:
    """End leases as if there had been nothing to do."""
    past = datetime.now(UTC) - timedelta(seconds=60)
    for work_item_id in work_item_ids:
        put_values(lead_store.database.work_items, work_item_id, worker="", lease_until=past, run_id="", due_at=None)


def test_r18_each_field_goes_its_own_way(lead_store: LeadStore) -> None:
    """Both sides change two one-way fields: each goes its way, and the other value is left alone."""
    lead_store.put_target(rules=RULES)
    lead_id = lead_store.import_contact("1", email="a@x.org", first_name="Ann", phone="crm", company="A")
    lead = lead_store.get(lead_id)
    assert (lead.first_name, lead.phone, lead.company) == ("Ann", "", "A")

    lead_store.update(lead_id, phone="ours", company="ours")
    lease = lead_store.lease_one()
    seen = {"email": "a@x.org", "first_name": "Ann", "phone": "theirs", "company": "B"}
    (decision,) = lead_store.reconcile(present(lease, at(5), given=seen))

    assert dict(decision.write.values) == {"phone": "ours"}
    assert lead_store.get(lead_id).company == "B"


def test_r18_a_new_record_gets_only_what_may_go_there(lead_store: LeadStore) -> None:
    """A create sends the fields that may flow to the CRM."""
    lead_store.put_target(rules=RULES)
    lead_store.create(email="b@x.org", phone="1", company="ours")

    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(absent(lease))

    assert dict(decision.write.values) == {"email": "b@x.org", "phone": "1"}
    assert lead_store.settle(lease, decision.write, done("9", at(1)))


def test_r18_a_field_without_a_common_direction_is_refused(lead_store: LeadStore) -> None:
    """The integration goes one way and the field the other: it would flow nowhere, and what was put before stands."""
    lead_store.put_target()
    refused = refusal(lambda: lead_store.put_target(rules=RULES, direction=FROM, revision=2))
    assert refused == (grpc.StatusCode.INVALID_ARGUMENT, "invalid_field_rules", "field_rules.phone.direction")
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    assert lead_store.get(lead_id).phone == "1"


@pytest.mark.parametrize(
    "change",
    [
        {"direction": FROM},
        {"mapping_fingerprint": "m2"},
        {"rules": {"phone": {"blank": policy_pb2.BLANK_RULE_CLEAR}}},
        {"rules": {"phone": {"direction": TO}}},
        {"match_keys": [policy_pb2.MATCH_KEY_EMAIL, policy_pb2.MATCH_KEY_PHONE]},
        {"phone_region": "CH"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_r19_whatever_decides_makes_all_work_items_due_under_the_run(
    lead_store: LeadStore, change: dict[str, Any]
) -> None:
    """Each of these is a change; pausing, webhooks and deletions are not. Telling it twice gives the same answer."""
    lead_store.put_target()
    fill(lead_store, 3)
    quiet: dict[str, Any] = {
        "paused": False,
        "webhooks_enabled": False,
        "deletions": policy_pb2.Deletions(cap_number=7),
    }

    assert lead_store.put_target(run_id="run-0", revision=2, **quiet) == 0
    assert [lead_store.put_target(run_id="run-1", revision=3, **change) for _ in range(2)] == [3, 3]

    assert lead_store.put_target(run_id="run-2", revision=4, **change) == 0
    assert lead_store.run_work("run-1") == (3, 0)
    work_off(lead_store, [lease.work_item_id for lease in lead_store.lease().leases])
    assert lead_store.run_work("run-1") == (0, 0)
    assert lead_store.put_target(run_id="run-1", revision=5, **change) == 3
    assert due(lead_store) == 0


def test_r19_a_large_integration_is_applied_part_by_part(lead_store: LeadStore) -> None:
    """Only some work items are due at a time, all count as pending, each is handed out once.

    And live work goes first.
    """
    lead_store.put_target()
    fill(lead_store, MANY)

    assert lead_store.put_target(run_id="run-1", revision=2, mapping_fingerprint="m2") == MANY
    assert lead_store.run_work("run-1") == (MANY, 0)
    lead_store.deliver(touch("r99"), key="live")
    eventually(lambda: document(lead_store.database.deliveries, "live")["state"] == "routed")

    leases = lead_store.lease(max_leases=1).leases
    worked = [lease.record_id for lease in leases]
    assert worked == ["r99"]
    while leases:
        assert due(lead_store) < MANY
        work_off(lead_store, [lease.work_item_id for lease in leases])
        leases = lead_store.lease(wait=0).leases
        worked += [lease.record_id for lease in leases]

    assert lead_store.run_work("run-1") == (0, 0)
    assert {f"r{number}" for number in range(MANY)} == set(worked)
    assert len(worked) <= MANY + 1  # the one that was live meanwhile may come again


def test_r19_a_run_takes_few_records_at_a_time_while_people_change_others(lead_store: LeadStore) -> None:
    """And it pauses after each batch, for which no other integration waits."""
    lead_store.put_target()
    lead_store.put_target("integration-2", account_id="222")
    fill(lead_store, MANY)
    lead_store.put_target(run_id="run-1", revision=2, mapping_fingerprint="m2")
    seconds = [0.0]
    store = Store.of(lead_store.client, lead_store.database.name, b"k" * 32)
    pace = RunPace(monotonic=lambda: seconds[0])
    leases = LeaseWork(store, WorkSignal(), Apply(store), timedelta(seconds=60), timedelta(seconds=0.1), pace)

    def lease() -> tuple[str, int]:
        work = leases.due("worker", 100, 0, [], lambda: True)
        work_off(lead_store, [lease.work_item.work_item_id for lease in work.leases])
        return work.integration_id, len(work.leases)

    assert lease() == (INTEGRATION, 100)
    changed = Decision(Outcome.UPDATED, NextStep.DONE)
    pace.decided([(WorkItem("live", TENANT, INTEGRATION), changed)], 1)
    assert lease() == (INTEGRATION, BESIDE_CHANGES)
    pace.decided([(WorkItem("r1", TENANT, INTEGRATION, run_id="run-1"), changed)], 1)
    assert lease() == ("", 0)
    lead_store.deliver(touch("live"), key="live", account="222")
    eventually(lambda: document(lead_store.database.deliveries, "live")["state"] == "routed")
    assert lease() == ("integration-2", 1)
    seconds[0] += PAUSE + 1
    assert lease() == (INTEGRATION, BESIDE_CHANGES)


@dataclass(frozen=True)
class ListsThatMove(WorkLists):
    """Work items of which a worker makes the next part due just after they were counted."""

    apply: Apply

    def run_work(self, integration_id: str, run_id: str) -> tuple[int, int]:
        """Count, then have the run go on."""
        counted = super().run_work(integration_id, run_id)
        self.apply.go_on([integration_id])
        return counted


def test_r19_a_run_that_goes_on_meanwhile_does_not_look_done(lead_store: LeadStore) -> None:
    """Work items that become due between counting the due ones and those that are left are counted once at least."""
    lead_store.put_target()
    fill(lead_store, MANY)
    lead_store.put_target(run_id="run-1", revision=2, mapping_fingerprint="m2")
    while leases := lead_store.lease(max_leases=100, wait=0).leases:
        work_off(lead_store, [lease.work_item_id for lease in leases])
        if due(lead_store) == 0:
            break

    store = Store.of(lead_store.client, lead_store.database.name, b"k" * 32)
    moving = replace(store, work_lists=ListsThatMove(lead_store.database.work_items, Apply(store)))
    target = store.targets.get(INTEGRATION)
    assert target is not None

    assert Targets(moving, Arrivals(), Apply(moving)).run_work(target, "run-1")[0] == MANY - AT_ONCE
    assert due(lead_store) == AT_ONCE


def test_r19_a_later_change_begins_again(lead_store: LeadStore) -> None:
    """A change on its way gives up for the next one, which goes through all work items."""
    lead_store.put_target()
    fill(lead_store, MANY)
    lead_store.put_target(run_id="run-1", revision=2, mapping_fingerprint="m2")
    work_off(lead_store, [lease.work_item_id for lease in lead_store.lease().leases])

    assert lead_store.put_target(run_id="run-2", revision=3, mapping_fingerprint="m3") == MANY

    assert lead_store.run_work("run-2") == (MANY, 0)
    worked: set[str] = set()
    while leases := lead_store.lease(wait=0).leases:
        work_off(lead_store, [lease.work_item_id for lease in leases])
        worked |= {lease.record_id for lease in leases}
    assert (len(worked), lead_store.run_work("run-1"), lead_store.run_work("run-2")) == (MANY, (0, 0), (0, 0))


def test_r19_a_cancelled_run_lets_all_its_work_go(lead_store: LeadStore) -> None:
    """What is due and what would have become due is dropped; the answer counts both."""
    lead_store.put_target()
    fill(lead_store, MANY)
    lead_store.put_target(run_id="run-1", revision=2, mapping_fingerprint="m2")
    drop = work_pb.DropRunWorkRequest(tenant_id=TENANT, integration_id=INTEGRATION, run_id="run-1")

    assert [lead_store.work_stub.DropRunWork(drop, timeout=60).dropped for _ in range(2)] == [MANY, 0]

    assert (due(lead_store), lead_store.run_work("run-1")) == (0, (0, 0))
    assert lead_store.lease(wait=0).leases == []


@pytest.mark.parametrize("run", ["apply", "push"])
def test_l10_what_had_failed_before_a_cancelled_run_has_failed_again(lead_store: LeadStore, run: str) -> None:
    """A run takes up work that waited for a person; dropped before anybody looked, it waits again, and says why."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org")
    lead_store.database.work_items.update_many({}, {"$set": {"failed_at": datetime.now(UTC), "reason": "crm_refused"}})
    if run == "apply":
        lead_store.put_target(run_id="run-1", revision=2, mapping_fingerprint="m2")
    else:
        push = work_pb.RequestSyncRequest(
            tenant_id=TENANT, integration_id=INTEGRATION, lead_ids=[lead_id], run_id="run-1"
        )
        lead_store.work_stub.RequestSync(push, timeout=60)
    assert (lead_store.run_work("run-1"), lead_store.work(work_pb.WORK_STATE_FAILED)) == ((1, 0), [])

    drop = work_pb.DropRunWorkRequest(tenant_id=TENANT, integration_id=INTEGRATION, run_id="run-1")
    assert lead_store.work_stub.DropRunWork(drop, timeout=60).dropped == 1

    (failed,) = lead_store.work(work_pb.WORK_STATE_FAILED)
    assert (failed.record_id, failed.reason, due(lead_store)) == ("1", "crm_refused", 0)


def test_a_failure_that_was_got_over_does_not_come_back(lead_store: LeadStore) -> None:
    """Work that failed long ago and has been decided since is not due again when a later run is dropped."""
    lead_store.put_target()
    lead_store.import_contact("1", email="a@x.org")
    lead_store.database.work_items.update_many({}, {"$set": {"failed_at": datetime.now(UTC), "reason": "crm_refused"}})
    lead_store.put_target(run_id="run-1", revision=2, mapping_fingerprint="m2")
    lead_store.reconcile(present(lead_store.lease_one(), at(0), email="a@x.org"))

    lead_store.put_target(run_id="run-2", revision=3, mapping_fingerprint="m3")
    drop = work_pb.DropRunWorkRequest(tenant_id=TENANT, integration_id=INTEGRATION, run_id="run-2")
    assert lead_store.work_stub.DropRunWork(drop, timeout=60).dropped == 1

    assert lead_store.work() == []


def test_r19_failed_work_is_tried_again(lead_store: LeadStore) -> None:
    """Work that had failed under the old rules becomes due, and a failure under the new ones is counted."""
    lead_store.put_target()
    fill(lead_store, 2)
    failed = {"failed_at": datetime.now(UTC), "reason": "crm_refused"}
    lead_store.database.work_items.update_many({}, {"$set": failed})

    lead_store.put_target(run_id="run-1", revision=2, mapping_fingerprint="m2")
    leases = lead_store.lease().leases
    unreadable = sync_pb2.UnreadableRecord(reason="read_refused")
    lead_store.reconcile(
        sync_pb2.Observation(work_item_id=leases[0].work_item_id, fence=leases[0].fence, unreadable=unreadable)
    )

    assert (len(leases), lead_store.run_work("run-1")) == (2, (1, 1))
