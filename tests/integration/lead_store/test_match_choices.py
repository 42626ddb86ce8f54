"""A person's choice that comes late, twice, or cannot be."""

import threading
from typing import Any

import grpc
import pytest
from integration.lead_store.matching import TWINS, look_again, pick, taken, twins, waiting
from lead_store_calls import LeadStore, at, done, present
from lead_store_moves import delete, holders, lease_of, refusal, touched
from leadsync.sync.v1 import match_service_pb2 as match_pb
from leadsync.sync.v1 import sync_pb2
from work_item_values import put_values


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
    lead_store.settle(lease, decision.write, done("1", at(5), phone="3"))
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
    lead_store.settle(lease, decision.write, done("1", at(5), phone="3"))
    past = at(0)
    put_values(lead_store.database.work_items, mine.work_item_id, due_at=past)
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
    """Two different choices at the same moment: one is taken, the other is refused as too late."""
    for n in range(5):
        one, two, match = twins(lead_store, str(n)) if n == 0 else again(lead_store, str(n))
        barrier = threading.Barrier(2)
        answers: dict[str, str] = {}

        def choose(
            lead_id: str,
            match: match_pb.Match = match,
            barrier: threading.Barrier = barrier,
            answers: dict[str, str] = answers,
        ) -> None:
            barrier.wait()
            try:
                pick(lead_store, match, lead_id)
                answers[lead_id] = "taken"
            except grpc.RpcError as error:
                answers[lead_id] = error.code().name

        threads = [threading.Thread(target=choose, args=(lead_id,)) for lead_id in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers.values()) == ["ABORTED", "taken"]
        decision = look_again(lead_store, str(n), email=f"{n}@example.com" if n else TWINS["email"])
        assert answers[decision.lead_id] == "taken"


def again(store: LeadStore, record_id: str) -> tuple[str, str, match_pb.Match]:
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
    (decision,) = lead_store.reconcile(present(lease, at(1), given=TWINS, last_name="Twin"))
    assert (decision.outcome, decision.lead_id) == (sync_pb2.OUTCOME_LINKED, two)


def test_a_choice_that_is_void_is_used_up_all_the_same(lead_store: LeadStore) -> None:
    """The picked lead was deleted before the reading: the record is matched again, without the choice."""
    one, two, match = twins(lead_store)
    pick(lead_store, match, two)
    delete(lead_store, two)
    assert look_again(lead_store).lead_id == one
    work_item = lead_store.database.work_items.find_one({"record_id": "1"})
    assert work_item is not None
    assert (work_item["choice"], work_item["chooser"], work_item["candidates"]) == ("", "", [])
    assert "refs" not in work_item


def test_a_choice_for_a_record_that_is_gone_is_used_up(lead_store: LeadStore) -> None:
    """When the record turns out to be in the archive, a restore much later asks the person again."""
    _, two, match = twins(lead_store)
    pick(lead_store, match, two)
    lease = lease_of(lead_store, "1")
    lead_store.reconcile(
        sync_pb2.Observation(work_item_id=lease.work_item_id, fence=lease.fence, archived=sync_pb2.ArchivedRecord())
    )
    (decision,) = lead_store.reconcile(present(touched(lead_store), at(2), given=TWINS))
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
