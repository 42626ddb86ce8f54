"""Other CRMs than one with history: doubles that guard their writes, stamp records, or can do neither."""

import pytest
from lead_store_calls import INTEGRATION, LeadStore, absent, at, document, done, present, stamp, touch
from lead_store_moves import conflicts, link_of, touched
from leadsync.sync.v1 import sync_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb

BARE = sync_pb2.Capabilities(objects=["Lead"])
GUARDED = sync_pb2.Capabilities(guarded_writes=True, write_stamp=True, unread_within_ms=2_000)
EMAIL = "a@x.org"


def edited(store: LeadStore, can: sync_pb2.Capabilities) -> tuple[str, sync_pb2.Lease, sync_pb2.Decision]:
    """A pair that agreed on a phone, until the lead was edited: a write is handed out."""
    store.put_target(capabilities=can)
    lead_id = store.import_contact("1", email=EMAIL, phone="1")
    store.update(lead_id, phone="2")
    lease = store.lease_one()
    (decision,) = store.reconcile(present(lease, at(5), email=EMAIL, phone="1"))
    assert dict(decision.write.values) == {"phone": "2"}
    return lead_id, lease, decision


def test_a_write_says_which_version_it_was_planned_on(lead_store: LeadStore) -> None:
    """So that the CRM can refuse it once the record is newer; a create has none."""
    _, _, decision = edited(lead_store, GUARDED)
    assert decision.write.basis == stamp(at(5))
    lead_store.create(email="new@x.org")
    lease = lead_store.lease_one()
    (created,) = lead_store.reconcile(absent(lease))
    assert created.write.kind == sync_pb2.WRITE_KIND_CREATE
    assert not created.write.HasField("basis")


def test_a_stale_write_makes_the_work_due_at_once(lead_store: LeadStore) -> None:
    """Nothing happened: no attempt counts, and the newer record is read and decided on."""
    lead_id, lease, decision = edited(lead_store, GUARDED)
    assert lead_store.settle(lease, decision.write, sync_pb2.WriteStale())
    (work,) = lead_store.work(work_pb.WORK_STATE_DUE)
    assert (work.reason, work.attempts) == ("write_stale", 0)
    assert link_of(lead_store, lead_id)["pending"] is None
    again = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(again, at(9), email="b@x.org", phone="1"))
    assert (dict(decision.write.values), lead_store.get(lead_id).email) == ({"phone": "2"}, "b@x.org")


@pytest.mark.parametrize("landed", [True, False])
def test_r2_a_stamp_shows_what_became_of_a_write_without_an_answer(lead_store: LeadStore, *, landed: bool) -> None:
    """Somebody has edited since in any case: after our write the edit flows, before it the rule decides."""
    lead_id, lease, decision = edited(lead_store, GUARDED)
    lead_store.expire_lease(lease.work_item_id)
    again = lead_store.lease_one()
    assert not again.history
    seen = present(again, at(9), email=EMAIL, phone="3", landed=decision.write.write_id if landed else "")
    (decided,) = lead_store.reconcile(seen)
    assert decided.outcome != sync_pb2.OUTCOME_NEEDS_HISTORY
    if landed:
        assert lead_store.get(lead_id).phone == "3"
    else:
        assert dict(decided.write.values) == {"phone": "2"}


def test_r2_without_history_a_person_is_asked_about_a_write_that_may_have_landed(lead_store: LeadStore) -> None:
    """History is never asked for; the value was changed by somebody, after our write or in place of it."""
    lead_id, lease, _ = edited(lead_store, BARE)
    lead_store.expire_lease(lease.work_item_id)
    again = lead_store.lease_one()
    assert not again.history
    (decided,) = lead_store.reconcile(present(again, at(9), email=EMAIL, phone="3"))
    assert (decided.outcome, decided.HasField("write")) == (sync_pb2.OUTCOME_UNCHANGED, False)
    (conflict,) = conflicts(lead_store)
    assert (conflict.ours, conflict.theirs) == ("2", "3")
    lead_store.reconcile(present(touched(lead_store), at(9), email=EMAIL, phone="3"))
    assert [one.etag for one in conflicts(lead_store)] == [conflict.etag]
    assert lead_store.get(lead_id).phone == "2"


def test_r2_without_history_a_record_that_was_not_modified_was_not_written(lead_store: LeadStore) -> None:
    """The write is planned again."""
    _, lease, _ = edited(lead_store, BARE)
    lead_store.expire_lease(lease.work_item_id)
    (decided,) = lead_store.reconcile(present(lead_store.lease_one(), at(5), email=EMAIL, phone="1"))
    assert dict(decided.write.values) == {"phone": "2"}


def test_without_history_the_newest_value_wins_by_the_record(lead_store: LeadStore) -> None:
    """Both sides changed: the record was modified long before the lead was edited."""
    lead_store.put_target(capabilities=BARE)
    lead_id = lead_store.import_contact("1", email=EMAIL, phone="1")
    lead_store.update(lead_id, phone="2")
    (decided,) = lead_store.reconcile(present(lead_store.lease_one(), at(9), email=EMAIL, phone="3"))
    assert dict(decided.write.values) == {"phone": "2"}


def test_an_integration_that_said_nothing_of_its_crm_has_history(lead_store: LeadStore) -> None:
    """A target of an earlier version decides as before."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email=EMAIL, phone="1")
    lead_store.database.targets.update_one({"_id": INTEGRATION}, {"$unset": {"capabilities": 1}})
    lead_store.update(lead_id, phone="2")
    (decided,) = lead_store.reconcile(present(lead_store.lease_one(), at(9), email=EMAIL, phone="3"))
    assert decided.outcome == sync_pb2.OUTCOME_NEEDS_HISTORY


def test_a_link_shows_what_its_record_is_and_where(lead_store: LeadStore) -> None:
    """Object and page are those of the last reading that named them."""
    lead_store.put_target()
    lead_store.deliver(touch("1"))
    seen = present(lead_store.lease_one(), at(0), email=EMAIL, object_name="Lead", url="https://crm.example/1")
    (decision,) = lead_store.reconcile(seen)
    lead_store.reconcile(present(touched(lead_store), at(1), email=EMAIL))
    (link,) = lead_store.get(decision.lead_id).links
    assert (link.object, link.record_url) == ("Lead", "https://crm.example/1")


def test_what_an_event_is_about_is_for_the_gateway_to_say(lead_store: LeadStore) -> None:
    """A record of any object becomes work."""
    lead_store.put_target()
    lead_store.deliver(touch("Leads/5540", object_type="Leads"))
    assert lead_store.lease_one().record_id == "Leads/5540"


def test_a_lead_keeps_when_a_value_was_set_and_when_it_was_taken(lead_store: LeadStore) -> None:
    """The time of the record where the CRM names none, and ours."""
    lead_store.put_target(capabilities=BARE)
    lead_id = lead_store.import_contact("1", modified=3, email=EMAIL)
    taken_at, source, set_at = document(lead_store.database.leads, lead_id)["changed"]["email"]
    assert (source, set_at) == ("hubspot", at(3))
    assert taken_at > set_at
    lead_store.update(lead_id, email="b@x.org")
    assert document(lead_store.database.leads, lead_id)["changed"]["email"][1:] == ["platform", None]


def test_several_records_with_the_leads_email_wait_for_a_person(lead_store: LeadStore) -> None:
    """R12: the create is not repeated, and the lead's work says why."""
    lead_store.put_target()
    lead_store.create(email=EMAIL)
    lease = lead_store.lease_one()
    (create,) = lead_store.reconcile(absent(lease))
    assert lead_store.settle(lease, create.write, sync_pb2.WriteDuplicate(record_ids=["7", "8", "7"]))
    (work,) = lead_store.work()
    assert (work.state, work.reason) == (work_pb.WORK_STATE_FAILED, "ambiguous_match")


def test_a_settled_guarded_write_leaves_no_question(lead_store: LeadStore) -> None:
    """R3: its guard has shown that nothing was replaced, so the next reading needs no history."""
    can = sync_pb2.Capabilities(history=True, guarded_writes=True)
    _, lease, decision = edited(lead_store, can)
    assert lead_store.settle(lease, decision.write, done("1", at(6), phone="2"))
    (decided,) = lead_store.reconcile(present(touched(lead_store), at(6), email=EMAIL, phone="2"))
    assert decided.outcome == sync_pb2.OUTCOME_UNCHANGED
