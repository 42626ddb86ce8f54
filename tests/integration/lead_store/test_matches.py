"""Records that match more than one lead wait for a person, who says whose they are."""

import threading
from typing import Any

import grpc
import pytest
from lead_store_calls import INTEGRATION, TENANT, LeadStore, absent, at, done, eventually, present, touch
from lead_store_moves import delete, holders, lease_of, minute_later, refusal, touched
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_pb2, lead_service_pb2
from leadsync.sync.v1 import sync_pb2
from leadsync.sync.v1 import sync_service_pb2 as pb

TWINS = {"email": "twin@example.com"}


def waiting(store: LeadStore, tenant: str = TENANT, **filters: Any) -> list[pb.Match]:
    """Records that wait for a person."""
    request = pb.ListMatchesRequest(tenant_id=tenant, **filters)
    return list(store.sync.ListMatches(request, timeout=5).matches)


def pick(store: LeadStore, match: pb.Match, lead_id: str = "", **changes: Any) -> None:
    """Say that a record belongs to a lead, or that it is a new one."""
    choice: dict[str, Any] = {"lead_id": lead_id} if lead_id else {"create_new": True}
    given = {"tenant_id": TENANT, "integration_id": match.integration_id, "record_id": match.record_id}
    given |= {"etag": match.etag, "actor": "ann", **choice, **changes}
    store.sync.PickMatch(pb.PickMatchRequest(**given), timeout=10)


def twins(store: LeadStore, record_id: str = "1", **target: Any) -> tuple[str, str, pb.Match]:
    """Two leads with one e-mail, and a record that has it too and therefore waits."""
    store.put_target(direction=lead_pb2.DIRECTION_FROM_CRM, **target)
    one, two = (store.create(**TWINS, first_name=name).lead_id for name in ("One", "Two"))
    (decision,) = store.reconcile(present(touched(store, record_id), at(0), **TWINS, last_name="Twin"))
    assert decision.reason == "ambiguous_match"
    (match,) = waiting(store)
    return one, two, match


def look_again(store: LeadStore, record_id: str = "1", **values: str) -> sync_pb2.Decision:
    """Read the record under the lease that the choice made due."""
    seen = present(lease_of(store, record_id), at(1), **(values or {**TWINS, "last_name": "Twin"}))
    (decision,) = store.reconcile(seen)
    return decision


def test_a_record_that_matches_two_leads_is_listed_with_both(lead_store: LeadStore) -> None:
    """A match names its record, its candidates and what they have in common, and holds no value of any person."""
    one, two, match = twins(lead_store)
    assert (match.integration_id, match.record_id, match.since.seconds > 0) == (INTEGRATION, "1", True)
    assert [(c.lead_id, list(c.keys), c.taken) for c in match.candidates] == [
        (one, [sync_pb2.MATCH_KEY_EMAIL], False),
        (two, [sync_pb2.MATCH_KEY_EMAIL], False),
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
    explained = lead_store.leads.ExplainLead(request, timeout=5).explanations
    assert [entry.actor for entry in explained if entry.outcome == "linked"] == ["ann"]
    assert lead_store.work() == []


def test_a_person_may_make_a_new_lead_despite_matches(lead_store: LeadStore) -> None:
    """None of the candidates: the next reading makes a lead of its own, once, and later readings keep it."""
    _, _, match = twins(lead_store)
    pick(lead_store, match)
    decision = look_again(lead_store)
    assert decision.outcome == sync_pb2.OUTCOME_CREATED
    assert holders(lead_store, "1") == [decision.lead_id]
    (again,) = lead_store.reconcile(present(touched(lead_store), at(2), **TWINS, last_name="Twin"))
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


def taken(store: LeadStore) -> tuple[str, pb.Match]:
    """A lead that is linked to record 1, and record 2 that has its e-mail."""
    store.put_target()
    lead_id = store.import_contact("1", email="a@example.com", phone="1", company="Old")
    store.reconcile(present(touched(store, "2"), at(0), email="a@example.com", phone="2"))
    (match,) = waiting(store)
    assert [(c.lead_id, c.taken) for c in match.candidates] == [(lead_id, True)]
    return lead_id, match


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
    assert [work.record_id for work in lead_store.work(pb.WORK_STATE_DUE)] == ["1"]
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


def begin_write(store: LeadStore, lead_id: str) -> tuple[sync_pb2.Lease, sync_pb2.Decision]:
    """Edit the lead, and let its record's worker begin to write."""
    store.update(lead_id, phone="3")
    lease = lease_of(store, "1")
    (decision,) = store.reconcile(present(lease, at(0), email="a@example.com", phone="1", company="Old"))
    assert decision.HasField("write")
    return lease, decision


def test_r5_a_lead_that_is_being_written_cannot_be_taken(lead_store: LeadStore) -> None:
    """While a write to the lead's record is not settled and read once, picking the lead is refused: later it works."""
    lead_id, match = taken(lead_store)
    lease, decision = begin_write(lead_store, lead_id)
    busy = (grpc.StatusCode.FAILED_PRECONDITION, "pair_busy", "")
    assert refusal(lambda: pick(lead_store, match, lead_id)) == busy
    lead_store.settle(lease, decision.write, **done("1", at(5), phone="3"))
    assert refusal(lambda: pick(lead_store, match, lead_id)) == busy  # nobody has looked yet what it replaced (R3)
    history = {"phone": [("3", at(5), True), ("1", at(0), False)]}
    seen = present(touched(lead_store, "1"), at(5), history=history, email="a@example.com", phone="3", company="Old")
    lead_store.reconcile(seen)
    pick(lead_store, match, lead_id)


def test_r5_a_choice_waits_for_a_write_that_began_after_it(lead_store: LeadStore) -> None:
    """A write that begins between choice and reading ends first; what it may have replaced is looked at, not lost."""
    lead_id, match = taken(lead_store)
    pick(lead_store, match, lead_id)
    mine = lease_of(lead_store, "2")
    lead_store.update(lead_id, phone="3")
    lease = lease_of(lead_store, "1")
    (decision,) = lead_store.reconcile(present(lease, at(0), email="a@example.com", phone="1", company="Old"))
    (waits,) = lead_store.reconcile(present(mine, at(0), email="a@example.com", phone="2"))
    assert (waits.outcome, waits.reason) == (sync_pb2.OUTCOME_RELEASED, "pair_busy")
    lead_store.settle(lease, decision.write, **done("1", at(5), phone="3"))
    past = at(0)
    lead_store.database.work_items.update_one({"record_id": "2"}, {"$set": {"due_at": past}})
    seen = present(lease_of(lead_store, "2"), at(0), email="a@example.com", phone="2")
    (decision,) = lead_store.reconcile(seen)
    assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_FAILED, "ambiguous_match")
    assert (holders(lead_store, "1"), [one.record_id for one in waiting(lead_store)]) == ([lead_id], ["2"])


def test_a_choice_is_refused_when_the_person_has_seen_something_else(lead_store: LeadStore) -> None:
    """A candidate that is gone, one that was linked meanwhile, and a choice that was made already are stale_etag."""
    one, two, match = twins(lead_store)
    stale = (grpc.StatusCode.ABORTED, "stale_etag", "")
    lead_store.reconcile(present(touched(lead_store, "2"), at(0), marked=one, email="x@example.com"))
    assert refusal(lambda: pick(lead_store, match, two)) == stale
    (match,) = waiting(lead_store)
    pick(lead_store, match, two)
    assert refusal(lambda: pick(lead_store, match)) == stale
    assert refusal(lambda: pick(lead_store, match, one)) == stale
    delete(lead_store, one)
    assert refusal(lambda: pick(lead_store, match, two)) == stale


def test_a_choice_made_twice_is_one(lead_store: LeadStore) -> None:
    """The same choice again changes nothing while it waits, and is no match any more once it was carried out."""
    _, two, match = twins(lead_store)
    pick(lead_store, match, two)
    version = lead_store.database.work_items.find_one({"record_id": "1"})
    pick(lead_store, match, two)
    assert lead_store.database.work_items.find_one({"record_id": "1"}) == version
    look_again(lead_store)
    gone = (grpc.StatusCode.NOT_FOUND, "match_not_found", "")
    assert refusal(lambda: pick(lead_store, match, two)) == gone


def test_of_two_people_who_choose_at_once_one_wins(lead_store: LeadStore) -> None:
    """Two different choices at the same moment: one is taken, the other one is told that it came too late."""
    for n in range(5):
        one, two, match = twins(lead_store, str(n)) if n == 0 else again(lead_store, str(n))
        barrier, told = threading.Barrier(2), {}

        def choose(
            lead_id: str, match: pb.Match = match, barrier: threading.Barrier = barrier, told: dict[str, str] = told
        ) -> None:
            barrier.wait()
            try:
                pick(lead_store, match, lead_id)
                told[lead_id] = "taken"
            except grpc.RpcError as error:
                told[lead_id] = error.code().name

        threads = [threading.Thread(target=choose, args=(lead_id,)) for lead_id in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(told.values()) == ["ABORTED", "taken"]
        decision = look_again(lead_store, str(n), email=f"{n}@example.com" if n else TWINS["email"])
        assert told[decision.lead_id] == "taken"


def again(store: LeadStore, record_id: str) -> tuple[str, str, pb.Match]:
    """Two more leads with one e-mail of their own, and their record."""
    email = f"{record_id}@example.com"
    one, two = (store.create(email=email, first_name=name).lead_id for name in ("One", "Two"))
    store.reconcile(present(touched(store, record_id), at(0), email=email))
    (match,) = waiting(store)
    return one, two, match


def test_a_reading_that_was_under_way_honours_the_choice(lead_store: LeadStore) -> None:
    """A choice made while a worker reads the record again is not lost: its decision takes it up."""
    _, two, match = twins(lead_store)
    lease = touched(lead_store)
    pick(lead_store, match, two)
    (decision,) = lead_store.reconcile(present(lease, at(1), **TWINS, last_name="Twin"))
    assert (decision.outcome, decision.lead_id) == (sync_pb2.OUTCOME_LINKED, two)


def test_a_choice_that_is_void_is_used_up_all_the_same(lead_store: LeadStore) -> None:
    """The picked lead was deleted before the reading: the record is matched anew, and the choice does not come back."""
    one, two, match = twins(lead_store)
    pick(lead_store, match, two)
    delete(lead_store, two)
    assert look_again(lead_store).lead_id == one
    work_item = lead_store.database.work_items.find_one({"record_id": "1"})
    assert work_item is not None
    assert (work_item["choice"], work_item["chooser"], work_item["candidates"], "match_of" in work_item) == (
        "",
        "",
        [],
        False,
    )


def test_a_choice_for_a_record_that_is_gone_is_used_up(lead_store: LeadStore) -> None:
    """When the record turns out to be in the archive, a restore much later asks the person again."""
    _, two, match = twins(lead_store)
    pick(lead_store, match, two)
    lease = lease_of(lead_store, "1")
    lead_store.reconcile(
        sync_pb2.Observation(work_item_id=lease.work_item_id, fence=lease.fence, archived=sync_pb2.ArchivedRecord())
    )
    (decision,) = lead_store.reconcile(present(touched(lead_store), at(2), **TWINS))
    assert decision.reason == "ambiguous_match"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"lead_id": "stranger"}, (grpc.StatusCode.INVALID_ARGUMENT, "invalid_field", "lead_id")),
        ({"lead_id": "new"}, (grpc.StatusCode.INVALID_ARGUMENT, "invalid_field", "choice")),
        ({"create_new": False}, (grpc.StatusCode.INVALID_ARGUMENT, "invalid_field", "choice")),
        ({"etag": ""}, (grpc.StatusCode.INVALID_ARGUMENT, "invalid_field", "etag")),
        ({"record_id": "2"}, (grpc.StatusCode.NOT_FOUND, "match_not_found", "")),
        ({"tenant_id": "tenant-2"}, (grpc.StatusCode.NOT_FOUND, "integration_not_found", "")),
        ({"integration_id": "other"}, (grpc.StatusCode.NOT_FOUND, "integration_not_found", "")),
    ],
)
def test_l9_a_choice_that_cannot_be(
    lead_store: LeadStore, changes: dict[str, Any], expected: tuple[grpc.StatusCode, str, str]
) -> None:
    """A lead that is no candidate, an unknown record, and another tenant's integration are refused."""
    _, _, match = twins(lead_store)
    assert refusal(lambda: pick(lead_store, match, **changes)) == expected
    assert waiting(lead_store) == [match]


def test_r18_no_lead_is_made_against_the_direction(lead_store: LeadStore) -> None:
    """Towards the CRM only, a person may pick a lead, not make one from a record."""
    lead_store.put_target(direction=lead_pb2.DIRECTION_TO_CRM)
    lead_id = lead_store.create(email="a@example.com").lead_id
    lease = lead_store.lease_one()
    (create,) = lead_store.reconcile(
        sync_pb2.Observation(work_item_id=lease.work_item_id, fence=lease.fence, absent=sync_pb2.AbsentRecord())
    )
    lead_store.settle(lease, create.write, **done("1", at(0), email="a@example.com"))
    lead_store.reconcile(present(touched(lead_store, "2"), at(0), marked=lead_id, email="a@example.com"))
    (match,) = waiting(lead_store)
    expected = (grpc.StatusCode.FAILED_PRECONDITION, "direction", "")
    assert refusal(lambda: pick(lead_store, match)) == expected


def test_l9_matches_come_in_pages_of_one_tenant_and_integration(lead_store: LeadStore) -> None:
    """Every match is on exactly one page; another tenant sees none, and filters hold."""
    twins(lead_store)
    for record_id in ("2", "3"):
        lead_store.deliver(touch(record_id))
        lead_store.reconcile(present(lease_of(lead_store, record_id), at(0), **TWINS))
    found: list[str] = []
    token = ""
    while True:
        request = pb.ListMatchesRequest(tenant_id=TENANT, page_size=2, page_token=token)
        page = lead_store.sync.ListMatches(request, timeout=5)
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
    request = pb.RequestSyncRequest(tenant_id=TENANT, integration_id=INTEGRATION, failed=True)
    lead_store.sync.RequestSync(request, timeout=5)
    assert look_again(lead_store).lead_id == two
    assert waiting(lead_store) == []
    assert eventually(lambda: not lead_store.work())
