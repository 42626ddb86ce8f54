"""Ready-made integrations, leases and decisions."""

import time
from collections.abc import Sequence
from typing import Any

from crm_connector.bootstrap import now
from crm_connector.domain.changes import NewIntegration
from crm_connector.domain.integration import Credential, CredentialKind, Direction, Integration
from crm_connector.domain.observation import Lease, LeaseBatch
from crm_connector.providers.hubspot.defaults import DEFAULT_MAPPING
from integration.connector.hub import APP_ID, PORTAL_ID, TOKEN
from leadsync.sync.v1 import sync_pb2

TENANT = "tenant-1"


def an_integration(**changes: Any) -> Integration:
    """Make an integration of the simulator's account."""
    values: dict[str, Any] = {
        "integration_id": "int-1",
        "tenant_id": TENANT,
        "provider": "hubspot",
        "account_id": PORTAL_ID,
        "app_id": APP_ID,
        "credential_kind": CredentialKind.ACCESS_TOKEN,
        "direction": Direction.BIDIRECTIONAL,
        "mapping": DEFAULT_MAPPING,
        "created_at": now(),
    }
    return Integration(**(values | changes))


def new_integration(**changes: Any) -> NewIntegration:
    """Ask to connect the simulator's account by its token."""
    values: dict[str, Any] = {
        "tenant_id": TENANT,
        "provider": "hubspot",
        "credential": Credential(CredentialKind.ACCESS_TOKEN, TOKEN),
        "direction": Direction.BIDIRECTIONAL,
    }
    return NewIntegration(**(values | changes))


def a_batch(*leases: Lease, seconds: float = 60.0, age: float = 0.0) -> LeaseBatch:
    """Lease these, since so many seconds."""
    return LeaseBatch("int-1", time.monotonic() - age, seconds, leases)


def record_leases(ids: Sequence[str], **more: Any) -> list[Lease]:
    """One lease per record; the work item is named after it."""
    return [Lease(f"work-{record_id}", 1, record_id=record_id, **more) for record_id in ids]


def decision(seen: sync_pb2.Observation, outcome: sync_pb2.Outcome.ValueType) -> sync_pb2.Decision:
    """Decide without a write."""
    return sync_pb2.Decision(work_item_id=seen.work_item_id, outcome=outcome)


def update(seen: sync_pb2.Observation, **values: str) -> sync_pb2.Decision:
    """Decide that a record has to take these values."""
    record_id = seen.present.record_id
    return _pushed(seen, sync_pb2.WRITE_KIND_UPDATE, record_id=record_id, lead_id=f"lead-{record_id}", values=values)


def create(seen: sync_pb2.Observation, lead_id: str, **values: str) -> sync_pb2.Decision:
    """Decide that a record has to be made."""
    return _pushed(seen, sync_pb2.WRITE_KIND_CREATE, lead_id=lead_id, values=values)


def archive(seen: sync_pb2.Observation) -> sync_pb2.Decision:
    """Decide that a record has to be archived."""
    return _pushed(seen, sync_pb2.WRITE_KIND_ARCHIVE, record_id=seen.present.record_id, lead_id="lead")


def _pushed(seen: sync_pb2.Observation, kind: sync_pb2.WriteKind.ValueType, **more: Any) -> sync_pb2.Decision:
    write = sync_pb2.Write(write_id=f"write-{seen.work_item_id}", kind=kind, **more)
    return sync_pb2.Decision(work_item_id=seen.work_item_id, outcome=sync_pb2.OUTCOME_PUSHED, write=write)


def soon() -> float:
    """A monotonic deadline that is far enough."""
    return time.monotonic() + 20.0
