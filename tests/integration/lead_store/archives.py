"""Leads that end, and the records of theirs that are to be archived."""

from typing import Any

from lead_store_calls import (
    INTEGRATION,
    LeadStore,
    at,
    counters_of,
    present,
)
from lead_store_moves import lease_of
from leadsync.sync.v1 import policy_pb2, sync_pb2

ARCHIVE = policy_pb2.Deletions(record_policy=policy_pb2.RECORD_POLICY_ARCHIVE)


def imported(store: LeadStore, record_id: str = "1", **target: Any) -> str:
    """A lead with a record, in an account whose records follow their leads into the archive."""
    store.put_target(**{"deletions": ARCHIVE, **target})
    return store.import_contact(record_id, email=f"{record_id}@x.org", phone="1")


def asked_to_archive(store: LeadStore, record_id: str = "1", **values: str) -> tuple[sync_pb2.Lease, sync_pb2.Decision]:
    """Read the record of a deleted lead, and be asked for the write."""
    lease = lease_of(store, record_id)
    seen = {"email": f"{record_id}@x.org", "phone": "1", **values}
    (decision,) = store.reconcile(present(lease, at(1), given=seen))
    assert decision.write.kind == sync_pb2.WRITE_KIND_ARCHIVE
    return lease, decision


def settled(store: LeadStore, record_id: str = "1") -> None:
    """Archive the record of a deleted lead."""
    lease, decision = asked_to_archive(store, record_id)
    assert store.settle(lease, decision.write, sync_pb2.WriteDone(record_id=record_id))


def counter(store: LeadStore, name: str, integration_id: str = INTEGRATION) -> int:
    """One counter of an integration."""
    return int(counters_of(store, integration_id).get(name, 0))
