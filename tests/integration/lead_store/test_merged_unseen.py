"""Records that people merged, and took away or forgot before anybody had read what they live on as."""

from collections.abc import Iterable

from lead_store.mongo.delivery_documents import unpack
from lead_store_calls import LeadStore, absent, at, counters_of, document, eventually, present, touch
from lead_store_moves import holders, lease_of, minute_later, push, pushed_out, touched
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.sync.v1 import sync_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb


def merge_event(store: LeadStore, old: str, into: str) -> None:
    """Deliver the event that a record was merged into another one, and have it routed."""
    lost = inbox.Touch(object_type="contact", record_id=old, kind=inbox.TOUCH_KIND_MERGED, into_record_id=into)
    store.deliver(lost, touch(into), key=f"merge-{old}", records=[old])
    eventually(lambda: document(store.database.deliveries, f"merge-{old}")["state"] == "routed")


def erase(store: LeadStore, record_id: str) -> list[sync_pb2.Decision]:
    """Read the record of an erased person as absent, twice a minute apart."""
    lease = lease_of(store, record_id)
    store.reconcile(absent(lease))
    return store.reconcile(absent(minute_later(store, lease.work_item_id)))


def outcomes(decisions: Iterable[sync_pb2.Decision]) -> list[int]:
    """What was concluded."""
    return [decision.outcome for decision in decisions]


def kept_events(store: LeadStore, key: str) -> int:
    """Number of events that a delivery still names a record for."""
    return len(unpack(document(store.database.deliveries, key)["event_record_ids"]))


def counted(store: LeadStore) -> tuple[int, int]:
    """Links in use, and links that were detached."""
    found = counters_of(store)
    return found["linked"], found["from_crm_unlinked"]


def test_l11_an_erasure_reaches_records_that_were_merged_into_the_erased_one_unseen(lead_store: LeadStore) -> None:
    """Only the event of the merge shows that both were one person: lead and events of the merged record go, too."""
    lead_store.put_target()
    lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.deliver(touch("1"), raw=b'[{"objectId":1}]', records=["1"], key="edit")
    lead_store.reconcile(present(lead_store.lease_one(), at(0), email="a@x.org", phone="1"))
    merge_event(lead_store, "1", into="3")
    lead_store.deliver(touch("3", inbox.TOUCH_KIND_ERASED))
    eventually(lambda: len(lead_store.work(work_pb.WORK_STATE_DUE)) == 2)
    leases = {lease.record_id: lease for lease in lead_store.lease().leases}
    lead_store.reconcile(*map(absent, leases.values()))  # what it was merged into cannot be read any more
    erased = minute_later(lead_store, leases["3"].work_item_id)
    assert outcomes(lead_store.reconcile(absent(erased))) == [sync_pb2.OUTCOME_ERASED]
    assert len(lead_store.all_leads()) == 1
    merged = minute_later(lead_store, leases["1"].work_item_id)
    assert outcomes(lead_store.reconcile(absent(merged))) == [sync_pb2.OUTCOME_ERASED]
    assert (lead_store.all_leads(), kept_events(lead_store, "edit")) == ([], 0)


def test_l11_the_event_of_a_merge_may_come_after_the_erasure(lead_store: LeadStore) -> None:
    """A record that is said to live on as an erased one makes its work item look.

    As if its own erasure had been reported.
    """
    lead_store.put_target()
    lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.deliver(touch("3", inbox.TOUCH_KIND_ERASED))
    erase(lead_store, "3")
    merge_event(lead_store, "1", into="3")
    assert outcomes(erase(lead_store, "1")) == [sync_pb2.OUTCOME_ERASED]
    assert lead_store.all_leads() == []


def test_r15_a_lead_whose_merged_record_was_detached_finds_the_survivor_when_it_is_restored(
    lead_store: LeadStore,
) -> None:
    """Leads of both merged records were unlinked while the survivor lay in the archive: the first one gets it."""
    lead_store.put_target()
    first = lead_store.import_contact("1", email="a@x.org", phone="1")
    second = lead_store.import_contact("2", email="b@x.org", phone="2")
    for record in ("1", "2"):
        lease = touched(lead_store, record, inbox.TOUCH_KIND_DELETED)
        lead_store.reconcile(absent(lease))
        assert outcomes(lead_store.reconcile(absent(minute_later(lead_store, lease.work_item_id)))) == [
            sync_pb2.OUTCOME_UNLINKED
        ]
    before = counted(lead_store)
    survivor = present(touched(lead_store, "3"), at(9), merged=["1", "2"], email="a@x.org", phone="1")
    (decision,) = lead_store.reconcile(survivor)
    assert (decision.outcome, decision.lead_id) == (sync_pb2.OUTCOME_LINKED, first)
    assert holders(lead_store, "3") == [first]
    assert lead_store.get(second).links[0].detached_reason == "duplicate_lead"
    assert counted(lead_store) == (before[0] + 1, before[1])


def test_l10_a_duplicate_that_a_person_pushes_waits_for_a_person_when_its_record_is_taken(
    lead_store: LeadStore,
) -> None:
    """The pushed lead finds the record of the lead that it is a double of: its work fails, and goes round no more."""
    lead_store.put_target()
    first = lead_store.create(email="a@x.org").lead_id
    pushed_out(lead_store, first, "1", 0, email="a@x.org")
    second = lead_store.import_contact("2", email="b@x.org")
    seen = present(touched(lead_store, "3"), at(9), history={}, merged=["1", "2"], marked=second, email="b@x.org")
    lead_store.reconcile(seen)
    assert lead_store.get(first).links[0].detached_reason == "duplicate_lead"
    push(lead_store, first)
    lead_store.reconcile(present(lead_store.lease_one(), at(9), record_id="3", email="b@x.org"))
    lead_store.reconcile(present(lease_of(lead_store, "3"), at(9), marked=second, email="b@x.org"))
    (work,) = lead_store.work(work_pb.WORK_STATE_FAILED)
    assert (work.lead_id, work.reason) == (first, "ambiguous_match")
    assert lead_store.work(work_pb.WORK_STATE_DUE) == []
