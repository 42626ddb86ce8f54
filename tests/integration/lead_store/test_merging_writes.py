"""Leads are merged while a record is being written or created."""

from typing import Any

import pytest
from integration.lead_store.merging import linked_and_free
from lead_store_calls import LeadStore, absent, at, done, present, touch
from lead_store_moves import (
    conflicts,
    holders,
    lease_of,
    link_of,
    merge_leads,
)
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import sync_pb2

DELETED = inbox.TOUCH_KIND_DELETED


def test_r7_a_write_under_way_is_settled_for_the_survivor(lead_store: LeadStore) -> None:
    """The loser's write lands on the survivor's link; only what the survivor has too becomes its base."""
    loser, survivor = linked_and_free(lead_store, phone="2", company="New Inc.")
    lead_store.update(loser, phone="2", company="Old Inc. & Co.")
    lease = lead_store.lease_one()
    history: dict[str, Any] = {}
    seen = present(lease, at(0), history=history, email="a@x.org", phone="1", company="Old Inc.")
    (decision,) = lead_store.reconcile(seen)
    assert dict(decision.write.values) == {"phone": "2", "company": "Old Inc. & Co."}
    merge_leads(lead_store, loser, survivor)
    assert lead_store.lease(wait=0).leases == []  # R5: whoever writes has the pair
    assert lead_store.settle(lease, decision.write, done("1", at(1), phone="2", company="Old Inc. & Co."))
    base = link_of(lead_store, survivor)["base"]
    assert (base.get("phone"), base.get("company")) == (["2", "2"], None)
    history = {"phone": [("2", at(1), True)], "company": [("Old Inc. & Co.", at(1), True)]}
    again = present(
        lead_store.lease_one(), at(1), history=history, email="b@x.org", phone="2", company="Old Inc. & Co."
    )
    (decision,) = lead_store.reconcile(again)
    assert "phone" not in decision.write.values
    assert lead_store.get(survivor).phone == "2"


def test_r2_a_left_over_write_is_judged_for_the_survivor(lead_store: LeadStore) -> None:
    """A write whose answer was lost and that landed is no change of the CRM's, and no base that the survivor lacks."""
    loser, survivor = linked_and_free(lead_store, phone="5")
    lead_store.update(loser, phone="2")
    lease = lead_store.lease_one()
    history: dict[str, Any] = {}
    lead_store.reconcile(present(lease, at(0), history=history, email="a@x.org", phone="1", company="Old Inc."))
    merge_leads(lead_store, loser, survivor)
    lead_store.expire_lease(lease.work_item_id)
    history = {"phone": [("2", at(1), True), ("1", at(0), False)]}
    seen = present(lead_store.lease_one(), at(1), history=history, email="b@x.org", phone="2", company="Old Inc.")
    (decision,) = lead_store.reconcile(seen)
    assert "phone" not in decision.write.values
    assert [(c.field, c.ours, c.theirs) for c in conflicts(lead_store)] == [("phone", "5", "2")]


def creating(store: LeadStore) -> tuple[str, sync_pb2.Lease, sync_pb2.Decision]:
    """A lead whose record is being created."""
    loser = store.create(email="a@x.org").lead_id
    lease = next(lease for lease in store.lease().leases if lease.lead_id == loser)
    (decision,) = store.reconcile(absent(lease))
    assert decision.write.kind == sync_pb2.WRITE_KIND_CREATE
    return loser, lease, decision


@pytest.mark.parametrize("answered", [True, False])
def test_l6_a_record_that_is_being_created_goes_to_the_survivor(lead_store: LeadStore, *, answered: bool) -> None:
    """Whether its answer comes or is lost, the record made for the loser is linked to the survivor."""
    lead_store.put_target(direction=lead_pb2.DIRECTION_FROM_CRM)
    survivor = lead_store.create(email="b@x.org").lead_id
    lead_store.put_target(revision=2)
    loser, lease, decision = creating(lead_store)
    merge_leads(lead_store, loser, survivor)
    if answered:
        assert lead_store.settle(lease, decision.write, done("7", at(1)))
    else:
        lead_store.expire_lease(lease.work_item_id)
        lead_store.reconcile(present(lead_store.lease_one(), at(1), record_id="7", email="a@x.org", marked=loser))
    seen: dict[str, Any] = {"email": "a@x.org", "marked": loser, "source_system": "jazzaam", "history": {}}
    (decision,) = lead_store.reconcile(present(lease_of(lead_store, "7"), at(1), **seen))
    assert (decision.outcome, decision.lead_id) == (sync_pb2.OUTCOME_LINKED, survivor)
    assert holders(lead_store, "7") == [survivor]


def test_a_record_that_was_being_created_for_the_loser_is_a_duplicate(lead_store: LeadStore) -> None:
    """L6: the survivor has a record already, so the new one waits for people and no work fails."""
    lead_store.put_target()
    survivor = lead_store.import_contact("2", email="b@x.org")
    loser, lease, decision = creating(lead_store)
    merge_leads(lead_store, loser, survivor)
    assert lead_store.settle(lease, decision.write, done("7", at(1)))
    lead_store.deliver(touch("7"))
    seen: dict[str, Any] = {"email": "a@x.org", "marked": loser, "source_system": "jazzaam"}
    (decision,) = lead_store.reconcile(present(lease_of(lead_store, "7"), at(1), **seen))
    assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_SKIPPED, "duplicate_lead")
    link = link_of(lead_store, loser)
    assert (link["record_id"], link["detached_reason"], link["duplicate_of"]) == ("7", "duplicate_lead", "2")
    assert lead_store.work() == []
