"""Records that match two leads, and what a person says of them."""

from typing import Any

from lead_store_calls import TENANT, LeadStore, at, present
from lead_store_moves import lease_of, touched
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import match_service_pb2 as match_pb
from leadsync.sync.v1 import sync_pb2

TWINS = {"email": "twin@example.com"}


def waiting(store: LeadStore, tenant: str = TENANT, **filters: Any) -> list[match_pb.Match]:
    """Records that wait for a person."""
    request = match_pb.ListMatchesRequest(tenant_id=tenant, **filters)
    return list(store.match_stub.ListMatches(request, timeout=60).matches)


def pick(store: LeadStore, match: match_pb.Match, lead_id: str = "", **changes: Any) -> None:
    """Say that a record belongs to a lead, or that it is a new one."""
    choice: dict[str, Any] = {"lead_id": lead_id} if lead_id else {"create_new": True}
    given: dict[str, Any] = {"tenant_id": TENANT, "integration_id": match.integration_id, "record_id": match.record_id}
    given |= {"etag": match.etag, "actor": "ann", **choice, **changes}
    store.match_stub.PickMatch(match_pb.PickMatchRequest(**given), timeout=60)


def twins(store: LeadStore, record_id: str = "1", **target: Any) -> tuple[str, str, match_pb.Match]:
    """Two leads with one e-mail, and a record that has it too and therefore waits."""
    store.put_target(direction=lead_pb2.DIRECTION_FROM_CRM, **target)
    one, two = (store.create(**TWINS, first_name=name).lead_id for name in ("One", "Two"))
    (decision,) = store.reconcile(present(touched(store, record_id), at(0), given=TWINS, last_name="Twin"))
    assert decision.reason == "ambiguous_match"
    (match,) = waiting(store)
    return one, two, match


def look_again(store: LeadStore, record_id: str = "1", **values: str) -> sync_pb2.Decision:
    """Read the record under the lease that the choice made due."""
    seen = present(lease_of(store, record_id), at(1), given=values or {**TWINS, "last_name": "Twin"})
    (decision,) = store.reconcile(seen)
    return decision


def taken(store: LeadStore) -> tuple[str, match_pb.Match]:
    """A lead that is linked to record 1, and record 2 that has its e-mail."""
    store.put_target()
    lead_id = store.import_contact("1", email="a@example.com", phone="1", company="Old")
    store.reconcile(present(touched(store, "2"), at(0), email="a@example.com", phone="2"))
    (match,) = waiting(store)
    assert [(c.lead_id, c.taken) for c in match.candidates] == [(lead_id, True)]
    return lead_id, match
