"""Leads that are merged on the platform: links are taken over, nothing is imported twice, chains end."""

import threading
from typing import Any

import grpc
import pytest
from integration.lead_store.merging import both_linked, duplicates, linked_and_free
from lead_store_calls import TENANT, LeadStore, absent, archived, at, counters_of, present, touch
from lead_store_moves import (
    conflicts,
    delete,
    holders,
    lease_of,
    link_of,
    merge_leads,
    merged_into,
    minute_later,
    pushed_out,
    refusal,
    touched,
)
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_pb2, lead_service_pb2
from leadsync.sync.v1 import sync_pb2

DELETED = inbox.TOUCH_KIND_DELETED


def test_a_survivor_without_a_link_takes_over_the_losers(lead_store: LeadStore) -> None:
    """The record becomes the survivor's, its work item names the survivor, and edits of the survivor go to it."""
    loser, survivor = linked_and_free(lead_store, phone="1")
    merge_leads(lead_store, loser, survivor)
    assert link_of(lead_store, loser) == {}
    assert holders(lead_store, "1") == [survivor]
    lease = lead_store.lease_one()
    assert (lease.record_id, lease.lead_id) == ("1", survivor)
    seen = {"email": "b@x.org", "phone": "1", "company": "Old Inc."}
    (decision,) = lead_store.reconcile(present(lease, at(0), given=seen))
    assert (decision.outcome, decision.lead_id) == (sync_pb2.OUTCOME_UPDATED, survivor)
    lead_store.update(survivor, phone="3")
    (decision,) = lead_store.reconcile(present(lead_store.lease_one(), at(0), given=seen))
    assert dict(decision.write.values) == {"phone": "3"}
    assert [lead.lead_id for lead in lead_store.all_leads()] == [survivor]


def test_l2_the_survivors_and_the_records_values_meet_without_a_base(lead_store: LeadStore) -> None:
    """What the survivor lacks it takes, where both differ the rule decides: the loser's base says nothing about it."""
    loser, survivor = linked_and_free(lead_store, phone="2")
    merge_leads(lead_store, loser, survivor)
    seen = {"email": "b@x.org", "phone": "1", "company": "Old Inc."}
    (decision,) = lead_store.reconcile(present(lead_store.lease_one(), at(0), given=seen))
    assert "phone" not in decision.write.values
    lead = lead_store.get(survivor)
    assert (lead.company, lead.phone) == ("Old Inc.", "2")
    assert [(c.field, c.ours, c.theirs) for c in conflicts(lead_store)] == [("phone", "2", "1")]


def test_a_base_that_the_survivor_shares_still_counts(lead_store: LeadStore) -> None:
    """Where the survivor has the agreed value, a change that the CRM made meanwhile flows without a question."""
    loser, survivor = linked_and_free(lead_store, phone="1")
    merge_leads(lead_store, loser, survivor)
    seen = {"email": "b@x.org", "phone": "9", "company": "Old Inc."}
    lead_store.reconcile(present(lead_store.lease_one(), at(5), given=seen))
    assert lead_store.get(survivor).phone == "9"
    assert conflicts(lead_store) == []


def test_where_both_have_a_record_the_losers_is_left_alone(lead_store: LeadStore) -> None:
    """It is neither imported again, nor written, nor created again; it waits for people to merge it in the CRM."""
    loser, survivor = both_linked(lead_store)
    merge_leads(lead_store, loser, survivor)
    link = link_of(lead_store, loser)
    assert (link["record_id"], link["detached_reason"], link["duplicate_of"]) == ("1", "duplicate_lead", "2")
    for values in ({"email": "a@x.org"}, {"email": "b@x.org", "marked": loser}):
        (decision,) = lead_store.reconcile(present(touched(lead_store), at(5), phone="crm", given=values))
        assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_SKIPPED, "duplicate_lead")
        assert not decision.HasField("write")
    assert [lead.lead_id for lead in lead_store.all_leads()] == [survivor]
    assert (holders(lead_store, "2"), lead_store.work()) == ([survivor], [])
    assert duplicates(lead_store) == [("2", survivor, loser)]


def test_l8_records_that_are_merged_in_the_crm_afterwards_follow_the_survivor(lead_store: LeadStore) -> None:
    """Once people have merged the two records as well, the one that is left is the survivor's."""
    loser, survivor = both_linked(lead_store)
    merge_leads(lead_store, loser, survivor)
    lead_store.reconcile(merged_into(touched(lead_store, "1"), "3"))
    assert duplicates(lead_store) == []
    lease = lease_of(lead_store, "3")
    (decision,) = lead_store.reconcile(present(lease, at(9), email="b@x.org", phone="2", merged=["1", "2"]))
    assert (decision.outcome, decision.lead_id) == (sync_pb2.OUTCOME_LINKED, survivor)
    assert holders(lead_store, "3") == [survivor]
    assert [lead.lead_id for lead in lead_store.all_leads()] == [survivor]


def test_leads_whose_records_were_merged_before_are_no_duplicates_any_more(lead_store: LeadStore) -> None:
    """R15: once the leads of two records that people merged in the CRM are merged as well, nothing is left to do."""
    loser, survivor = both_linked(lead_store)
    lead_store.deliver(touch("3"))
    seen: dict[str, Any] = {"email": "b@x.org", "merged": ["1", "2"], "marked": survivor, "history": {}}
    lead_store.reconcile(present(lease_of(lead_store, "3"), at(9), **seen))
    assert duplicates(lead_store) == [("3", survivor, loser)]
    merge_leads(lead_store, loser, survivor)
    assert duplicates(lead_store) == []
    assert holders(lead_store, "3") == [survivor]


@pytest.mark.parametrize("kind", [DELETED, inbox.TOUCH_KIND_CHANGED])
def test_a_duplicate_that_is_archived_is_none_any_more(lead_store: LeadStore, kind: int) -> None:
    """People may also delete the loser's record; restored, it waits for them again, and is no lead."""
    loser, survivor = both_linked(lead_store)
    merge_leads(lead_store, loser, survivor)
    lead_store.reconcile(archived(touched(lead_store, kind=kind)))
    assert (duplicates(lead_store), link_of(lead_store, loser)["detached_reason"]) == ([], "record_archived")
    lead_store.reconcile(present(touched(lead_store, kind=inbox.TOUCH_KIND_RESTORED), at(9), email="a@x.org"))
    assert duplicates(lead_store) == [("2", survivor, loser)]
    assert [lead.lead_id for lead in lead_store.all_leads()] == [survivor]


def test_a_survivor_whose_own_record_is_gone_takes_over_the_losers(lead_store: LeadStore) -> None:
    """A detached link is none in use: the loser's takes its place, and remembers the record that was."""
    loser, survivor = both_linked(lead_store)
    lead_store.reconcile(archived(touched(lead_store, "2", inbox.TOUCH_KIND_DELETED)))
    merge_leads(lead_store, loser, survivor)
    link = link_of(lead_store, survivor)
    assert (link["record_id"], link["detached_reason"], link["former_record_ids"]) == ("1", "", ["2"])
    assert holders(lead_store, "1") == [survivor]


@pytest.mark.parametrize(
    ("into", "code", "reason"),
    [
        ("itself", grpc.StatusCode.INVALID_ARGUMENT, "invalid_field"),
        ("nobody", grpc.StatusCode.INVALID_ARGUMENT, "invalid_field"),
        ("unknown", grpc.StatusCode.NOT_FOUND, "lead_not_found"),
        ("foreign", grpc.StatusCode.NOT_FOUND, "lead_not_found"),
        ("dead", grpc.StatusCode.FAILED_PRECONDITION, "survivor_deleted"),
    ],
)
def test_l8_the_survivor_has_to_be_another_living_lead(
    lead_store: LeadStore, into: str, code: grpc.StatusCode, reason: str
) -> None:
    """A lead is merged neither into itself, nor into one that is gone or another tenant's (L9); nothing changes."""
    lead = lead_store.create(email="a@x.org").lead_id
    dead = lead_store.create(email="d@x.org").lead_id
    delete(lead_store, dead)
    foreign = lead_store.create(tenant="tenant-2", email="f@x.org").lead_id
    ids = {"itself": lead, "nobody": "", "unknown": "no-such-lead", "foreign": foreign, "dead": dead}
    assert refusal(lambda: merge_leads(lead_store, lead, ids[into]))[:2] == (code, reason)
    assert lead_store.get(lead).end_reason == ""


def test_merging_into_needs_the_reason(lead_store: LeadStore) -> None:
    """A survivor without the reason `merged` is refused, and so is an unknown reason."""
    lead, other = (lead_store.create(email=f"{n}@x.org").lead_id for n in range(2))
    assert refusal(lambda: delete(lead_store, lead, merged_into_lead_id=other))[2] == "merged_into_lead_id"
    assert refusal(lambda: delete(lead_store, lead, reason=99))[2] == "reason"


def test_l8_leads_that_are_merged_into_each_other_at_once_leave_one(lead_store: LeadStore) -> None:
    """Of two merges that cross, one wins; the other one finds that its survivor has gone."""
    pairs = [tuple(lead_store.create(email=f"{n}{m}@x.org").lead_id for m in "ab") for n in range(5)]
    for first, second in pairs:
        reasons: list[str] = []

        def attempt(loser: str, survivor: str, reasons: list[str] = reasons) -> None:
            try:
                merge_leads(lead_store, loser, survivor)
            except grpc.RpcError as error:
                reasons.append(error.code().name)

        threads = [threading.Thread(target=attempt, args=pair) for pair in ((first, second), (second, first))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert reasons == ["FAILED_PRECONDITION"]
    assert len(lead_store.all_leads()) == len(pairs)


def test_l8_a_chain_of_merges_leads_to_its_end(lead_store: LeadStore) -> None:
    """A record whose mark names the first of a chain belongs to the last lead of it."""
    lead_store.put_target()
    first = lead_store.create(email="a@x.org").lead_id
    pushed_out(lead_store, first, "1", 1, email="a@x.org")
    lead_store.reconcile(archived(touched(lead_store, kind=inbox.TOUCH_KIND_DELETED)))
    lead_store.put_target(direction=lead_pb2.DIRECTION_FROM_CRM, revision=2)
    second, third = (lead_store.create(email=f"{n}@x.org").lead_id for n in range(2))
    merge_leads(lead_store, first, second)
    merge_leads(lead_store, second, third)
    lead_store.deliver(touch("1", inbox.TOUCH_KIND_RESTORED))
    seen = {"email": "other@x.org", "marked": first, "source_system": "jazzaam"}
    (decision,) = lead_store.reconcile(present(lease_of(lead_store, "1"), at(9), given=seen))
    assert (decision.outcome, decision.lead_id) == (sync_pb2.OUTCOME_LINKED, third)
    assert holders(lead_store, "1") == [third]


def test_r17_an_erasure_takes_those_that_were_merged_into_the_lead_with_it(lead_store: LeadStore) -> None:
    """L11: what the loser held is the same person's: it goes too, and neither e-mail is ever imported again."""
    loser, survivor = both_linked(lead_store)
    merge_leads(lead_store, loser, survivor)
    lease = touched(lead_store, "2", inbox.TOUCH_KIND_ERASED)
    lead_store.reconcile(absent(lease))
    (decision,) = lead_store.reconcile(absent(minute_later(lead_store, lease.work_item_id)))
    assert decision.outcome == sync_pb2.OUTCOME_ERASED
    left = str([list(lead_store.database[name].find()) for name in ("leads", "decisions", "work_items")])
    assert "a@x.org" not in left
    assert "b@x.org" not in left
    for record_id, email in (("1", "a@x.org"), ("8", "a@x.org"), ("9", "b@x.org")):
        lead_store.deliver(touch(record_id))
        (decision,) = lead_store.reconcile(present(lease_of(lead_store, record_id), at(9), email=email))
        assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_SKIPPED, "erased")


def test_a_merge_is_in_both_histories(lead_store: LeadStore) -> None:
    """The loser's history says that it was merged, the survivor's which records came with it."""
    loser, survivor = linked_and_free(lead_store)
    merge_leads(lead_store, loser, survivor)

    def newest(lead_id: str) -> tuple[str, str, str]:
        request = lead_service_pb2.ExplainLeadRequest(tenant_id=TENANT, lead_id=lead_id)
        entry = lead_store.leads.ExplainLead(request, timeout=60).explanations[0]
        return entry.outcome, entry.reason, entry.record_id

    assert newest(loser) == ("deleted", "merged", "")
    assert newest(survivor) == ("linked", "lead_merged", "1")
    assert counters_of(lead_store)["linked"] == 1
