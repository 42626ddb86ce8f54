"""Rules about people: one lead per person, erasures, deletions within the cap."""

import threading
from typing import Any

import pytest
import zstandard
from lead_store_calls import (
    INTEGRATION,
    TENANT,
    LeadStore,
    absent,
    archived,
    at,
    document,
    eventually,
    present,
    touch,
)
from lead_store_moves import minute_later, touched
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import policy_pb2, sync_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb

OTHER = "integration-2"


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
        failed = {work.reason for work in lead_store.work(work_pb.WORK_STATE_FAILED)}
        assert failed <= {"ambiguous_match"}
        assert failed or not came_second


def test_r15_of_two_linked_leads_the_mark_decides_and_the_other_is_detached(lead_store: LeadStore) -> None:
    """When two linked records merge, one lead keeps the survivor; the other is detached as its duplicate (L8)."""
    lead_store.put_target()
    first = lead_store.import_contact("1", email="a@x.org", first_name="A")
    second = lead_store.import_contact("2", email="b@x.org", phone="2")
    lease = touched(lead_store, "3", inbox.TOUCH_KIND_CHANGED)
    seen: dict[str, Any] = {"email": "b@x.org", "phone": "2", "marked": second, "merged": ["1", "2"]}
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
        for stored in store.database[name].find():
            if name == "deliveries":
                stored["events"] = zstandard.decompress(stored["events"])
            texts.append(str(stored))
    return "\n".join(texts)


def test_r17_an_erasure_leaves_nothing_but_hashes_and_refuses_a_re_import(lead_store: LeadStore) -> None:
    """Lead, link, history, the person's events and work items go.

    The same record or e-mail never becomes a lead again.
    """
    lead_store.put_target()
    events = b'[{"objectId":1,"propertyValue":"secret name"},{"objectId":2,"propertyValue":"stays"}]'
    lead_store.deliver(touch("1", inbox.TOUCH_KIND_CREATED), touch("2"), raw=events, records=["1", "2"])
    eventually(lambda: len(lead_store.work(work_pb.WORK_STATE_DUE)) == 2)
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
    eventually(lambda: document(lead_store.database.deliveries, "erase")["state"] == "routed")
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
    lead_store.put_target(deletions=policy_pb2.Deletions(cap_number=2, cap_percent=1))
    for n in range(4):
        lead_store.import_contact(str(n), email=f"{n}@x.org")
    lead_store.deliver(*(touch(str(n), inbox.TOUCH_KIND_DELETED) for n in range(4)))
    eventually(lambda: len(lead_store.work(work_pb.WORK_STATE_DUE)) == 4)
    decisions = lead_store.reconcile(*(archived(lease) for lease in lead_store.lease().leases))
    assert [decision.outcome for decision in decisions].count(sync_pb2.OUTCOME_UNLINKED) == 2
    failed = lead_store.work(work_pb.WORK_STATE_FAILED)
    assert [work.reason for work in failed] == ["delete_cap"] * 2
    redrive = work_pb.RequestSyncRequest(tenant_id=TENANT, integration_id=INTEGRATION, failed=True, reason="delete_cap")
    assert lead_store.work_stub.RequestSync(redrive, timeout=60).queued == 2
    decisions = lead_store.reconcile(*(archived(lease) for lease in lead_store.lease().leases))
    assert [decision.outcome for decision in decisions] == [sync_pb2.OUTCOME_UNLINKED] * 2


def test_l7_more_clearings_of_a_field_than_the_cap_wait_for_a_person(lead_store: LeadStore) -> None:
    """Past the cap work fails as clear_cap and clears nothing; redriving it is the person's consent."""
    lead_store.put_target(deletions=policy_pb2.Deletions(cap_number=2, cap_percent=1))
    for n in range(4):
        lead_store.import_contact(str(n), email=f"{n}@x.org", phone="1")
    lead_store.deliver(*(touch(str(n)) for n in range(4)))
    eventually(lambda: len(lead_store.work(work_pb.WORK_STATE_DUE)) == 4)

    def cleared() -> list[int]:
        leases = lead_store.lease().leases
        seen = (present(lease, at(1), email=f"{lease.record_id}@x.org") for lease in leases)
        return [int(decision.outcome) for decision in lead_store.reconcile(*seen)]

    assert cleared().count(sync_pb2.OUTCOME_UPDATED) == 2
    assert sorted(lead.phone for lead in lead_store.all_leads()) == ["", "", "1", "1"]
    assert [work.reason for work in lead_store.work(work_pb.WORK_STATE_FAILED)] == ["clear_cap"] * 2
    redrive = work_pb.RequestSyncRequest(tenant_id=TENANT, integration_id=INTEGRATION, failed=True, reason="clear_cap")
    assert lead_store.work_stub.RequestSync(redrive, timeout=5).queued == 2
    assert cleared() == [sync_pb2.OUTCOME_UPDATED] * 2


def test_l7_each_field_counts_its_own_clearings_both_ways(lead_store: LeadStore) -> None:
    """A field that was cleared on the platform uses up the cap of that field, whichever side clears it next."""
    lead_store.put_target(deletions=policy_pb2.Deletions(cap_number=1, cap_percent=1))
    one, _ = (lead_store.import_contact(n, email=f"{n}@x.org", phone="1", company="X") for n in ("1", "2"))
    lead_store.update(one, phone="")
    (written,) = lead_store.reconcile(present(lead_store.lease_one(), at(0), email="1@x.org", phone="1", company="X"))
    assert dict(written.write.values) == {"phone": ""}
    (other,) = lead_store.reconcile(present(touched(lead_store, "2"), at(1), email="2@x.org", phone="1"))
    assert other.outcome == sync_pb2.OUTCOME_UPDATED
    (again,) = lead_store.reconcile(present(touched(lead_store, "2"), at(2), email="2@x.org"))
    assert again.reason == "clear_cap"


@pytest.mark.parametrize(
    ("policy", "outcome", "leads"),
    [
        (policy_pb2.DELETE_POLICY_UNLINK, sync_pb2.OUTCOME_UNLINKED, 1),
        (policy_pb2.DELETE_POLICY_DELETE_LEAD, sync_pb2.OUTCOME_UNLINKED, 0),
        (policy_pb2.DELETE_POLICY_IGNORE, sync_pb2.OUTCOME_SKIPPED, 1),
    ],
)
def test_a_deletion_follows_the_policy(lead_store: LeadStore, policy: int, outcome: int, leads: int) -> None:
    """A deleted record unlinks its lead, deletes it, or changes nothing, as the integration says."""
    lead_store.put_target(deletions=policy_pb2.Deletions(policy=policy))  # type: ignore[arg-type]
    lead_store.import_contact("1", email="a@x.org")
    (decision,) = lead_store.reconcile(archived(touched(lead_store, kind=inbox.TOUCH_KIND_DELETED)))
    assert decision.outcome == outcome
    assert len(lead_store.all_leads()) == leads


def test_a_deletion_waits_for_its_grace_period(lead_store: LeadStore) -> None:
    """Within the grace period nothing happens; a record that comes back in time is never unlinked."""
    lead_store.put_target(deletions=policy_pb2.Deletions(grace_seconds=3600))
    lead_id = lead_store.import_contact("1", email="a@x.org")
    (decision,) = lead_store.reconcile(archived(touched(lead_store, kind=inbox.TOUCH_KIND_DELETED)))
    assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_RELEASED, "deletion_grace")
    lead_store.reconcile(present(touched(lead_store, kind=inbox.TOUCH_KIND_RESTORED), at(2), email="a@x.org"))
    assert lead_store.get(lead_id).links[0].state == lead_pb2.LINK_STATE_ACTIVE
    assert lead_store.work() == []
