"""Hard cases of identity: which lead is which record when both sides delete, merge, restore and connect again."""

from typing import Any

from integration.lead_store.merging import two_linked_leads
from lead_store_calls import LeadStore, absent, archived, at, done, eventually, present, touch
from lead_store_moves import (
    delete,
    disconnect,
    holders,
    lease_of,
    merged_into,
    push,
    pushed_out,
    settle_all,
    touched,
)
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.sync.v1 import sync_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb

OTHER = "integration-2"


def test_a_lead_made_again_after_its_deletion_gets_the_record(lead_store: LeadStore) -> None:
    """A deleted lead does not keep its record: a new lead with the same e-mail is linked to it."""
    lead_store.put_target()
    delete(lead_store, lead_store.import_contact("1", email="a@x.org"))
    lead_store.reconcile(present(lead_store.lease_one(), at(0), email="a@x.org"))
    lead = lead_store.create(email="a@x.org", first_name="New")
    lead_store.reconcile(present(lead_store.lease_one(), at(0), record_id="1", email="a@x.org"))
    (decision,) = lead_store.reconcile(present(lead_store.lease_one(), at(0), email="a@x.org"))
    assert (decision.outcome, decision.lead_id) == (sync_pb2.OUTCOME_LINKED, lead.lead_id)
    assert holders(lead_store, "1") == [lead.lead_id]


def test_l10_a_lead_whose_found_record_is_gone_looks_again(lead_store: LeadStore) -> None:
    """A lead that was sent to a record by its e-mail is due again when that record is not there."""
    lead_store.put_target()
    lead = lead_store.create(email="a@x.org")
    lead_store.reconcile(present(lead_store.lease_one(), at(0), record_id="7", email="a@x.org"))
    (decision,) = lead_store.reconcile(archived(lead_store.lease_one()))
    assert decision.outcome == sync_pb2.OUTCOME_SKIPPED
    assert [work.lead_id for work in lead_store.work()] == [lead.lead_id]


def test_r15_a_lead_follows_the_record_that_holds_its_email_through_a_merge(lead_store: LeadStore) -> None:
    """A record found by a taken e-mail and then merged away leads on to its survivor, without a second lead."""
    lead_store.put_target()
    lead = lead_store.create(email="second@x.org", first_name="Ann")
    lease = lead_store.lease_one()
    (create,) = lead_store.reconcile(absent(lease))
    lead_store.settle(lease, create.write, sync_pb2.WriteDuplicate(record_ids=["5"]))
    lead_store.reconcile(merged_into(lead_store.lease_one(), "6"))
    history = {"email": [("first@x.org", at(1), False)]}
    survivor = present(lead_store.lease_one(), at(1), email="first@x.org", merged=["5"], history=history)
    lead_store.reconcile(survivor)
    assert [found.lead_id for found in lead_store.all_leads()] == [lead.lead_id]
    assert holders(lead_store, "6") == [lead.lead_id]


def test_r15_a_write_that_lands_on_the_survivor_makes_no_second_link(lead_store: LeadStore) -> None:
    """When the CRM answers under the id of another lead's record, that record keeps its one lead."""
    lead_store.put_target()
    first = lead_store.import_contact("1", email="a@x.org", phone="1")
    survivor = lead_store.import_contact("3", email="b@x.org", phone="7")
    lead_store.update(first, phone="2")
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    assert lead_store.settle(lease, decision.write, done("3", at(2), phone="2"))
    assert holders(lead_store, "3") == [survivor]


def test_r15_a_lead_follows_its_write_to_the_survivor_and_takes_the_edits_there(lead_store: LeadStore) -> None:
    """When the CRM answers under a new id, the lead is linked there at the next reading, which also brings edits."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.update(lead_id, phone="2")
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(0), email="a@x.org", phone="1"))
    assert lead_store.settle(lease, decision.write, done("3", at(2), phone="2"))
    survivor = present(touched(lead_store, "3"), at(3), history={}, merged=["1"], email="a@x.org", phone="9")
    (decision,) = lead_store.reconcile(survivor)
    assert (decision.outcome, decision.lead_id) == (sync_pb2.OUTCOME_LINKED, lead_id)
    assert (holders(lead_store, "3"), lead_store.get(lead_id).phone) == ([lead_id], "9")


def test_r15_the_surviving_mark_keeps_the_record(lead_store: LeadStore) -> None:
    """Of two linked leads the one that the survivor's mark names keeps it, also when the survivor was the other's."""
    first, second = two_linked_leads(lead_store)
    history = {"email": [("b@x.org", at(1), False)], "phone": [("2", at(1), False)]}
    seen: dict[str, Any] = {"email": "b@x.org", "phone": "2", "marked": first, "merged": ["1"]}
    lead_store.reconcile(present(touched(lead_store, "2"), at(9), history=history, **seen))
    assert holders(lead_store, "2") == [first]
    assert lead_store.get(second).links[0].detached_reason == "duplicate_lead"


def test_r15_a_duplicate_remembers_the_record_that_replaced_its_own(lead_store: LeadStore) -> None:
    """The lead that loses its record in a merge keeps the survivor's id, so that people can merge the leads too."""
    first, second = two_linked_leads(lead_store)
    seen: dict[str, Any] = {"email": "b@x.org", "phone": "2", "marked": second, "merged": ["1", "2"]}
    lead_store.reconcile(present(touched(lead_store, "3"), at(9), history={}, **seen))
    lead = lead_store.database.leads.find_one({"_id": first})
    assert lead is not None
    assert lead["links"][0]["duplicate_of"] == "3"


def test_r15_a_merge_that_needs_history_first_changes_nothing(lead_store: LeadStore) -> None:
    """While a contested field of the survivor waits for its history, the losing lead keeps its link."""
    first, second = two_linked_leads(lead_store)
    lead_store.update(second, phone="9")
    lead_store.deliver(touch("3"))
    seen: dict[str, Any] = {"email": "b@x.org", "phone": "77", "marked": second, "merged": ["1", "2"]}
    (decision,) = lead_store.reconcile(present(lease_of(lead_store, "3"), at(9), **seen))
    assert decision.outcome == sync_pb2.OUTCOME_NEEDS_HISTORY
    assert holders(lead_store, "1") == [first]
    assert lead_store.status().from_crm_unlinked == 0


def test_r5_a_merge_waits_for_the_write_of_the_lead_that_loses(lead_store: LeadStore) -> None:
    """While a write to one of the merged records is under way, the survivor's work item decides nothing."""
    first, second = two_linked_leads(lead_store)
    lead_store.update(first, phone="9")
    (write,) = lead_store.reconcile(present(lead_store.lease_one(), at(0), email="a@x.org", phone="1"))
    assert write.HasField("write")
    seen: dict[str, Any] = {"email": "b@x.org", "phone": "2", "marked": second, "merged": ["1", "2"]}
    (decision,) = lead_store.reconcile(present(touched(lead_store, "3"), at(9), history={}, **seen))
    assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_RELEASED, "pair_busy")
    assert holders(lead_store, "1") == [first]


def test_r15_events_on_a_merged_away_record_leave_the_duplicate_alone(lead_store: LeadStore) -> None:
    """A lead that was detached as a duplicate does not fail as ambiguous when its old record is touched again."""
    lead_store.put_target()
    first = lead_store.create(email="a@x.org").lead_id
    pushed_out(lead_store, first, "1", 0, email="a@x.org")
    second = lead_store.import_contact("2", email="b@x.org")
    seen: dict[str, Any] = {"email": "b@x.org", "marked": second, "merged": ["1", "2"]}
    lead_store.reconcile(present(touched(lead_store, "3"), at(9), history={}, **seen))
    lead_store.reconcile(merged_into(touched(lead_store, "1"), "3"))
    lead_store.reconcile(present(lead_store.lease_one(), at(9), **seen))
    assert lead_store.work() == []


def test_r13_a_restored_record_goes_to_the_lead_that_has_its_email_now(lead_store: LeadStore) -> None:
    """When its former lead has another e-mail and record, a restored record is linked by e-mail, not imported twice."""
    lead_store.put_target()
    former = lead_store.import_contact("1", email="a@x.org")
    lead_store.reconcile(archived(touched(lead_store, kind=inbox.TOUCH_KIND_DELETED)))
    lead_store.update(former, email="new@x.org")
    push(lead_store, former)
    pushed_out(lead_store, former, "2", 1, email="new@x.org")
    present_owner = lead_store.create(email="a@x.org").lead_id
    lead_store.deliver(touch("1", inbox.TOUCH_KIND_RESTORED))
    eventually(lambda: any(work.record_id == "1" for work in lead_store.work()))
    (decision,) = lead_store.reconcile(present(lease_of(lead_store, "1"), at(1), email="a@x.org"))
    assert decision.lead_id == present_owner
    assert len(lead_store.all_leads()) == 2


def test_l2_a_corrected_email_does_not_overwrite_the_stranger_that_the_typo_found(lead_store: LeadStore) -> None:
    """A record that was found by an e-mail which the lead no longer has is not written with the lead's values."""
    lead_store.put_target()
    lead = lead_store.create(email="typo@x.org", first_name="Ann")
    lead_store.reconcile(present(lead_store.lease_one(), at(0), record_id="7", email="typo@x.org"))
    lead_store.update(lead.lead_id, email="ann@x.org")
    history = {"email": [("typo@x.org", at(0), False)], "first_name": [("Bob", at(0), False)]}
    seen = present(lease_of(lead_store, "7"), at(0), history=history, email="typo@x.org", first_name="Bob")
    (decision,) = lead_store.reconcile(seen)
    assert not decision.HasField("write")
    assert lead_store.get(lead.lead_id).first_name == "Ann"
    assert lead.lead_id not in holders(lead_store, "7")


def test_a_record_is_linked_once_however_many_creates_answer_with_it(lead_store: LeadStore) -> None:
    """Two creates of one batch that the CRM answers with the same record link only one lead to it."""
    lead_store.put_target()
    lead_store.create(email="a@x.org")
    lead_store.create(email="b@x.org")
    leases = lead_store.lease().leases
    decisions = lead_store.reconcile(*map(absent, leases))
    settle_all(lead_store, *((*pair, done("7", at(1))) for pair in zip(leases, decisions, strict=True)))
    assert len(holders(lead_store, "7")) == 1


def test_an_account_that_is_connected_again_finds_its_leads(lead_store: LeadStore) -> None:
    """After a removal, the same integration links a record without an e-mail to the lead that had it."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", first_name="Ann")
    disconnect(lead_store)
    lead_store.put_target(revision=5)
    lead_store.reconcile(present(touched(lead_store), at(0), first_name="Ann"))
    assert [lead.lead_id for lead in lead_store.all_leads()] == holders(lead_store, "1") == [lead_id]


def test_an_account_that_is_connected_as_another_integration_finds_its_leads(lead_store: LeadStore) -> None:
    """The account's records belong to their leads, whatever the id of the integration that reads them."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", first_name="Ann")
    disconnect(lead_store)
    lead_store.put_target("integration-9")
    lead_store.reconcile(present(touched(lead_store), at(0), first_name="Ann"))
    assert [lead.lead_id for lead in lead_store.all_leads()] == holders(lead_store, "1") == [lead_id]


def test_l10_of_two_leads_that_find_one_record_neither_goes_unseen(lead_store: LeadStore) -> None:
    """Two leads with one e-mail find its contact at once: one is linked, the other waits for a person."""
    lead_store.put_target()
    for _ in range(2):
        lead_store.create(email="a@x.org")
    leases = lead_store.lease().leases
    lead_store.reconcile(*(present(lease, at(0), record_id="7", email="a@x.org") for lease in leases))
    lead_store.reconcile(present(lead_store.lease_one(), at(0), email="a@x.org"))
    (holder,) = holders(lead_store, "7")
    (failed,) = lead_store.work(work_pb.WORK_STATE_FAILED)
    assert (failed.lead_id != holder, failed.reason) == (True, "ambiguous_match")
    lead_store.reconcile(present(touched(lead_store, "7"), at(0), email="a@x.org"))
    assert len(lead_store.work(work_pb.WORK_STATE_FAILED)) == 1


def test_l10_a_lead_whose_contact_goes_before_it_is_linked_gets_one_of_its_own(lead_store: LeadStore) -> None:
    """A lead finds a contact that another lead has, and that goes to the archive before anybody has looked at it."""
    lead_store.put_target()
    lead_store.import_contact("1", email="a@x.org")
    lead_id = lead_store.create(email="a@x.org").lead_id
    lead_store.reconcile(present(lead_store.lease_one(), at(0), record_id="1", email="a@x.org"))
    (decision,) = lead_store.reconcile(archived(lead_store.lease_one()))
    assert decision.outcome == sync_pb2.OUTCOME_UNLINKED
    (work_item,) = lead_store.work()
    assert work_item.lead_id == lead_id
    lead_store.expire_lease(work_item.work_item_id)
    (decision,) = lead_store.reconcile(absent(lead_store.lease_one()))
    assert (decision.write.kind, decision.write.lead_id) == (sync_pb2.WRITE_KIND_CREATE, lead_id)


def test_l10_a_lead_that_left_its_work_to_a_record_is_not_forgotten(lead_store: LeadStore) -> None:
    """Until the record's work has linked it or failed, the lead's own stays due: another finder cannot push it out."""
    lead_store.put_target()
    lead_store.import_contact("1", email="a@x.org")
    first, second = (lead_store.create(email="a@x.org").lead_id for _ in range(2))
    leases = lead_store.lease().leases
    decisions = lead_store.reconcile(*(absent(lease) for lease in leases))
    taken = sync_pb2.WriteDuplicate(record_ids=["1"])
    settle_all(lead_store, *((lease, decision, taken) for lease, decision in zip(leases, decisions, strict=True)))
    (record,) = lead_store.lease().leases
    lead_store.reconcile(present(record, at(0), email="a@x.org"))
    left = {work.lead_id: work.reason for work in lead_store.work()}
    assert set(left) == {first, second}
    assert "ambiguous_match" in left.values()
