"""Records that match more than one lead wait for a person, who says whose they are."""

from typing import Any

import grpc
from integration.lead_store.matching import TWINS, look_again, pick, taken, twins, waiting
from lead_store_calls import INTEGRATION, TENANT, LeadStore, absent, at, done, eventually, present, touch
from lead_store_moves import delete, holders, lease_of, minute_later, refusal, touched
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_pb2, lead_service_pb2
from leadsync.sync.v1 import match_service_pb2 as match_pb
from leadsync.sync.v1 import policy_pb2, sync_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb


def test_a_record_that_matches_two_leads_is_listed_with_both(lead_store: LeadStore) -> None:
    """A match names its record, its candidates and what they have in common, and holds no value of any person."""
    one, two, match = twins(lead_store)
    assert (match.integration_id, match.record_id, match.since.seconds > 0) == (INTEGRATION, "1", True)
    assert [(c.lead_id, list(c.keys), c.taken) for c in match.candidates] == [
        (one, [policy_pb2.MATCH_KEY_EMAIL], False),
        (two, [policy_pb2.MATCH_KEY_EMAIL], False),
    ]
    assert "twin" not in str(lead_store.database.work_items.find_one({"record_id": "1"})).lower()


def test_the_lead_that_a_person_picks_is_linked(lead_store: LeadStore) -> None:
    """The next reading links the record to the lead that was picked, in the name of who picked it."""
    one, two, match = twins(lead_store)
    pick(lead_store, match, two)
    assert waiting(lead_store) == []
    decision = look_again(lead_store)
    assert (decision.outcome, decision.lead_id) == (sync_pb2.OUTCOME_LINKED, two)
    assert (holders(lead_store, "1"), lead_store.get(two).last_name, lead_store.get(one).last_name) == (
        [two],
        "Twin",
        "",
    )
    request = lead_service_pb2.ExplainLeadRequest(tenant_id=TENANT, lead_id=two)
    explained = lead_store.leads.ExplainLead(request, timeout=60).explanations
    assert [entry.actor for entry in explained if entry.outcome == "linked"] == ["ann"]
    assert lead_store.work() == []


def test_a_role_mailbox_waits_for_a_person(lead_store: LeadStore) -> None:
    """A lead that found a record by info@ is not linked to it, and loses no value, until a person says that it is."""
    lead_store.put_target()
    lead_id = lead_store.create(email="info@example.com", first_name="Ada").lead_id
    hers: dict[str, Any] = {"email": "info@example.com", "first_name": "Eve"}
    lead_store.reconcile(present(lead_store.lease_one(), at(0), record_id="1", **hers))
    (decision,) = lead_store.reconcile(present(lease_of(lead_store, "1"), at(0), **hers))
    assert (decision.reason, holders(lead_store, "1")) == ("ambiguous_match", [])
    assert (lead_store.get(lead_id).first_name, len(lead_store.all_leads())) == ("Ada", 1)
    (match,) = waiting(lead_store)
    pick(lead_store, match, lead_id)
    lead_store.reconcile(present(lease_of(lead_store, "1"), at(0), history={}, **hers))
    assert holders(lead_store, "1") == [lead_id]


def test_a_person_may_make_a_new_lead_despite_matches(lead_store: LeadStore) -> None:
    """None of the candidates: the next reading makes a lead of its own, once, and later readings keep it."""
    _, _, match = twins(lead_store)
    pick(lead_store, match)
    decision = look_again(lead_store)
    assert decision.outcome == sync_pb2.OUTCOME_CREATED
    assert holders(lead_store, "1") == [decision.lead_id]
    (again,) = lead_store.reconcile(present(touched(lead_store), at(2), given=TWINS, last_name="Twin"))
    assert (again.outcome, len(lead_store.all_leads())) == (sync_pb2.OUTCOME_UNCHANGED, 3)


def test_a_new_lead_is_made_of_a_record_that_carries_our_mark(lead_store: LeadStore) -> None:
    """A person's word goes before the origin gate: a copy of a contact that we made becomes a lead of its own."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@example.com")
    ours: dict[str, Any] = {"source_system": "jazzaam", "marked": lead_id, "email": "copy@example.com"}
    lead_store.reconcile(present(touched(lead_store, "2"), at(0), **ours))
    (match,) = waiting(lead_store)
    assert [(c.lead_id, list(c.keys), c.taken) for c in match.candidates] == [(lead_id, [], True)]
    pick(lead_store, match)
    (decision,) = lead_store.reconcile(present(lease_of(lead_store, "2"), at(0), **ours))
    assert decision.outcome == sync_pb2.OUTCOME_CREATED
    assert (holders(lead_store, "1"), holders(lead_store, "2")) == ([lead_id], [decision.lead_id])


def test_r5_picking_a_lead_that_is_linked_elsewhere_moves_its_link(lead_store: LeadStore) -> None:
    """The link moves without its base, so that nothing is overwritten unseen; the record left behind is looked at."""
    lead_id, match = taken(lead_store)
    pick(lead_store, match, lead_id)
    history = {"phone": [("2", at(0), False)]}
    seen = present(lease_of(lead_store, "2"), at(0), history=history, email="a@example.com", phone="2")
    (decision,) = lead_store.reconcile(seen)
    assert decision.outcome == sync_pb2.OUTCOME_LINKED
    assert (holders(lead_store, "2"), holders(lead_store, "1")) == ([lead_id], [])
    assert dict(decision.write.values).get("company") == "Old"  # record 2 has none, and never had the lead's
    assert [work.record_id for work in lead_store.work(work_pb.WORK_STATE_DUE)] == ["1"]
    lead_store.reconcile(present(lease_of(lead_store, "1"), at(0), email="a@example.com", phone="1", company="Old"))
    (left,) = waiting(lead_store)
    assert (left.record_id, [(c.lead_id, c.taken) for c in left.candidates]) == ("1", [(lead_id, True)])


def test_r17_an_erasure_does_not_reach_the_record_that_a_link_has_left(lead_store: LeadStore) -> None:
    """A person took the lead from record 1: when the person of record 2 is erased, record 1 may still be imported."""
    lead_id, match = taken(lead_store)
    pick(lead_store, match, lead_id)
    seen = present(lease_of(lead_store, "2"), at(0), history={}, email="a@example.com", phone="1", company="Old")
    (decision,) = lead_store.reconcile(seen)
    assert not decision.HasField("write")
    lead_store.reconcile(present(lease_of(lead_store, "1"), at(0), email="a@example.com"))
    lease = touched(lead_store, "2", inbox.TOUCH_KIND_ERASED)
    lead_store.reconcile(absent(lease))
    lead_store.reconcile(absent(minute_later(lead_store, lease.work_item_id)))
    (decision,) = lead_store.reconcile(present(touched(lead_store, "1"), at(1), email="other@example.com"))
    assert (decision.outcome, holders(lead_store, "1")) == (sync_pb2.OUTCOME_CREATED, [decision.lead_id])


def test_r17_an_erasure_of_the_record_that_a_link_has_left_does_not_reach_the_lead(lead_store: LeadStore) -> None:
    """A person took the lead from record 1, which nobody has read since: its erasure leaves the lead to record 2."""
    lead_id, match = taken(lead_store)
    pick(lead_store, match, lead_id)
    lead_store.reconcile(present(lease_of(lead_store, "2"), at(0), history={}, email="a@example.com", phone="1"))
    lease = touched(lead_store, "1", inbox.TOUCH_KIND_ERASED)
    lead_store.reconcile(absent(lease))
    (decision,) = lead_store.reconcile(absent(minute_later(lead_store, lease.work_item_id)))
    assert (decision.outcome, holders(lead_store, "2")) == (sync_pb2.OUTCOME_ERASED, [lead_id])


def test_r18_no_lead_is_made_against_the_direction(lead_store: LeadStore) -> None:
    """Towards the CRM only, a person may pick a lead, not make one from a record."""
    lead_store.put_target(direction=lead_pb2.DIRECTION_TO_CRM)
    lead_id = lead_store.create(email="a@example.com").lead_id
    lease = lead_store.lease_one()
    (create,) = lead_store.reconcile(
        sync_pb2.Observation(work_item_id=lease.work_item_id, fence=lease.fence, absent=sync_pb2.AbsentRecord())
    )
    lead_store.settle(lease, create.write, done("1", at(0), email="a@example.com"))
    lead_store.reconcile(present(touched(lead_store, "2"), at(0), marked=lead_id, email="a@example.com"))
    (match,) = waiting(lead_store)
    expected = (grpc.StatusCode.FAILED_PRECONDITION, "direction", "")
    assert refusal(lambda: pick(lead_store, match)) == expected


def test_l9_matches_come_in_pages_of_one_tenant_and_integration(lead_store: LeadStore) -> None:
    """Every match is on exactly one page; another tenant sees none, and filters hold."""
    twins(lead_store)
    for record_id in ("2", "3"):
        lead_store.deliver(touch(record_id))
        lead_store.reconcile(present(lease_of(lead_store, record_id), at(0), given=TWINS))
    found: list[str] = []
    token = ""
    while True:
        request = match_pb.ListMatchesRequest(tenant_id=TENANT, page_size=2, page_token=token)
        page = lead_store.match_stub.ListMatches(request, timeout=60)
        found += [match.record_id for match in page.matches]
        if not (token := page.next_page_token):
            break
    assert found == ["1", "2", "3"]
    assert waiting(lead_store, "tenant-2") == waiting(lead_store, integration_id="other") == []
    assert len(waiting(lead_store, integration_id=INTEGRATION)) == 3


def test_a_record_that_is_settled_otherwise_is_no_match_any_more(lead_store: LeadStore) -> None:
    """When one of the candidates goes, redriving the record links it to the other one, as before there were choices."""
    one, two, _ = twins(lead_store)
    delete(lead_store, one)
    (match,) = waiting(lead_store)
    assert [c.lead_id for c in match.candidates] == [two]
    request = work_pb.RequestSyncRequest(tenant_id=TENANT, integration_id=INTEGRATION, failed=True)
    lead_store.work_stub.RequestSync(request, timeout=60)
    assert look_again(lead_store).lead_id == two
    assert waiting(lead_store) == []
    assert eventually(lambda: not lead_store.work())
