"""Calling a lead-store in few words: what a gateway and a connector would send, with defaults."""

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pymongo
from google.protobuf.timestamp_pb2 import Timestamp
from lead_store import bootstrap
from lead_store.mongo.counters import Counters
from lead_store.settings import Settings, Timing
from leadsync.console.v1 import sign_in_service_pb2_grpc
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.inbox.v1 import inbox_service_pb2_grpc
from leadsync.lead.v1 import lead_field_service_pb2_grpc, lead_pb2, lead_service_pb2, lead_service_pb2_grpc
from leadsync.sync.v1 import (
    conflict_service_pb2_grpc,
    match_service_pb2_grpc,
    plan_service_pb2_grpc,
    policy_pb2,
    sync_pb2,
    work_service_pb2,
    work_service_pb2_grpc,
)
from pymongo.collection import Collection
from work_item_values import put_values

TENANT = "tenant-1"
INTEGRATION = "integration-1"
ACCOUNT = "48975575"
WORKER = "worker-1"
FIELDS = ("email", "first_name", "last_name", "phone", "company", "job_title", "website")
TIMING = Timing(lease=timedelta(seconds=12), look_for_work=timedelta(milliseconds=50))
T0 = datetime(2026, 1, 1, tzinfo=UTC)
LIKE_HUBSPOT = sync_pb2.Capabilities(history=True, erasure_events=True, objects=["contact"])
WriteOutcome = (
    sync_pb2.WriteDone | sync_pb2.WriteRefused | sync_pb2.WriteDuplicate | sync_pb2.WriteNotSent | sync_pb2.WriteStale
)
OUTCOMES: dict[type[WriteOutcome], str] = {
    sync_pb2.WriteDone: "done",
    sync_pb2.WriteRefused: "refused",
    sync_pb2.WriteDuplicate: "duplicate",
    sync_pb2.WriteStale: "stale",
    sync_pb2.WriteNotSent: "not_sent",
}


def at(seconds: float) -> datetime:
    """A moment on the CRM's clock."""
    return T0 + timedelta(seconds=seconds)


def stamp(moment: datetime) -> Timestamp:
    """A moment as the contract's timestamp."""
    result = Timestamp()
    result.FromDatetime(moment)
    return result


@contextmanager
def running(mongo_url: str, looked_at: str = "", **changes: Any) -> Iterator["LeadStore"]:
    """Run a lead-store with a database of its own; `changes` are to its settings.

    The test looks into the database by the URL `looked_at`, if that is another one.
    """
    settings = Settings(
        mongo_url=mongo_url,
        identity_key=b"k" * 32,
        port=0,
        **{"timing": TIMING, "database": f"test_{uuid.uuid4().hex[:12]}", **changes},
    )
    with bootstrap.run(settings, threading.Event()) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        store = LeadStore(channel, looked_at or mongo_url, settings.database)
        yield store
        store.drop()


class LeadStore:
    """A channel to a lead-store, and its database for looking inside."""

    def __init__(self, channel: grpc.Channel, mongo_url: str, database: str) -> None:
        self.leads = lead_service_pb2_grpc.LeadServiceStub(channel)
        self.lead_fields = lead_field_service_pb2_grpc.LeadFieldServiceStub(channel)
        self.inbox = inbox_service_pb2_grpc.InboxServiceStub(channel)
        self.work_stub = work_service_pb2_grpc.WorkServiceStub(channel)
        self.plan_stub = plan_service_pb2_grpc.PlanServiceStub(channel)
        self.conflict_stub = conflict_service_pb2_grpc.ConflictServiceStub(channel)
        self.match_stub = match_service_pb2_grpc.MatchServiceStub(channel)
        self.sign_in_stub = sign_in_service_pb2_grpc.SignInServiceStub(channel)
        self.client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(mongo_url, tz_aware=True)
        self.database = self.client[database]

    def drop(self) -> None:
        """Remove the database."""
        self.client.drop_database(self.database.name)
        self.client.close()

    def put_target(self, integration_id: str = INTEGRATION, *, run_id: str = "", **changes: Any) -> int:
        """Set a target; the number of work items that the run has to look at."""
        request = work_service_pb2.PutTargetRequest(target=target(integration_id, **changes), run_id=run_id)
        return self.work_stub.PutTarget(request, timeout=60).queued

    def create(self, tenant: str = TENANT, request_id: str = "", **values: str) -> lead_pb2.Lead:
        """Create a lead."""
        request = lead_service_pb2.CreateLeadRequest(
            tenant_id=tenant,
            request_id=request_id,
            lead=lead_pb2.Lead(**values),  # type: ignore[arg-type]
        )
        return self.leads.CreateLead(request, timeout=60).lead

    def get(self, lead_id: str, tenant: str = TENANT) -> lead_pb2.Lead:
        """Get a lead."""
        request = lead_service_pb2.GetLeadRequest(tenant_id=tenant, lead_id=lead_id)
        return self.leads.GetLead(request, timeout=60).lead

    def update(self, lead_id: str, etag: str = "", **values: Any) -> lead_pb2.Lead:
        """Set fields of a lead; `custom_fields` is a dict."""
        request = lead_service_pb2.UpdateLeadRequest(
            tenant_id=TENANT,
            lead_id=lead_id,
            lead=lead_pb2.Lead(**values),
            etag=etag,
        )
        custom = values.pop("custom_fields", {})
        request.update_mask.paths.extend([*values, *(f"custom_fields.{name}" for name in custom)])
        return self.leads.UpdateLead(request, timeout=60).lead

    def all_leads(self, tenant: str = TENANT) -> list[lead_pb2.Lead]:
        """The first page of leads."""
        request = lead_service_pb2.ListLeadsRequest(tenant_id=tenant, page_size=200)
        return list(self.leads.ListLeads(request, timeout=60).leads)

    def deliver(
        self,
        *touches: inbox.Touch,
        key: str = "",
        account: str = ACCOUNT,
        events: int = 1,
        raw: bytes = b"[]",
        records: Iterable[str] = (),
    ) -> bool:
        """Record a delivery; answers whether it was a duplicate."""
        delivery = inbox.Delivery(
            delivery_key=key or uuid.uuid4().hex,
            provider="hubspot",
            account_id=account,
            events=raw,
            event_record_ids=records,
            touches=touches,
            received_at=stamp(datetime.now(UTC)),
            event_count=events,
        )
        request = inbox.RecordDeliveriesRequest(deliveries=[delivery])
        return self.inbox.RecordDeliveries(request, timeout=60).recorded[0].duplicate

    def lease(self, wait: int = 5, worker: str = WORKER, **more: Any) -> work_service_pb2.LeaseWorkResponse:
        """Lease due work items."""
        request = work_service_pb2.LeaseWorkRequest(worker_id=worker, wait_seconds=wait, **more)
        return self.work_stub.LeaseWork(request, timeout=60)

    def lease_one(self, wait: int = 5, worker: str = WORKER) -> sync_pb2.Lease:
        """Lease the one work item that is due."""
        (lease,) = self.lease(wait, worker).leases
        return lease

    def reconcile(self, *seen: sync_pb2.Observation, worker: str = WORKER) -> list[sync_pb2.Decision]:
        """Report what was seen."""
        request = work_service_pb2.ReconcileRequest(worker_id=worker, observations=seen)
        return list(self.work_stub.Reconcile(request, timeout=60).decisions)

    def settle(self, lease: sync_pb2.Lease, write: sync_pb2.Write, outcome: WriteOutcome, worker: str = WORKER) -> bool:
        """Report what came of a write."""
        result = write_result(lease, write, outcome)
        request = work_service_pb2.SettleWritesRequest(worker_id=worker, results=[result])
        return self.work_stub.SettleWrites(request, timeout=60).settlements[0].settled

    def status(self, integration_id: str = INTEGRATION) -> work_service_pb2.GetSyncStatusResponse:
        """The statistics of an integration."""
        request = work_service_pb2.GetSyncStatusRequest(tenant_id=TENANT, integration_id=integration_id)
        return self.work_stub.GetSyncStatus(request, timeout=60)

    def run_work(self, run_id: str) -> tuple[int, int]:
        """What a run still has to do, and what of it has failed."""
        request = work_service_pb2.GetRunWorkRequest(tenant_id=TENANT, integration_id=INTEGRATION, run_id=run_id)
        found = self.work_stub.GetRunWork(request, timeout=60)
        return found.pending, found.failed

    def work(self, state: int = 0) -> list[work_service_pb2.Work]:
        """Work items that are not idle."""
        request = work_service_pb2.ListWorkRequest(tenant_id=TENANT, state=state)  # type: ignore[arg-type]
        return list(self.work_stub.ListWork(request, timeout=60).work)

    def expire_lease(self, work_item_id: str) -> None:
        """Let a lease and all that waits for its end lie in the past, as if a minute had gone by."""
        past = datetime.now(UTC) - timedelta(seconds=60)
        put_values(self.database.work_items, work_item_id, lease_until=past, due_at=past)
        self.database.leads.update_many(
            {"links.pending.work_item_id": work_item_id},
            {"$set": {"links.$[].pending.until": past - timedelta(seconds=60)}},
        )

    def import_contact(
        self, record_id: str = "1", modified: float = 0, given: Mapping[str, str] | None = None, **values: str
    ) -> str:
        """Bring a contact in the usual way; answers its lead's id."""
        self.deliver(touch(record_id, inbox.TOUCH_KIND_CREATED))
        seen = present(self.lease_one(), at(modified), given={**(given or {}), **values})
        (decision,) = self.reconcile(seen)
        return decision.lead_id


def target(integration_id: str = INTEGRATION, **changes: Any) -> sync_pb2.Target:
    """An integration as a connector describes it. `fields` are mapped, `rules` have what is not the default."""
    fields, rules = changes.pop("fields", FIELDS), changes.pop("rules", {})
    policy = changes.pop("policy", None) or policy_pb2.SyncPolicy(
        direction=changes.pop("direction", lead_pb2.DIRECTION_BIDIRECTIONAL),
        fields=[policy_pb2.FieldRule(field=field, **rule) for field, rule in rules.items()],
        deletions=changes.pop("deletions", None),
        matching=policy_pb2.Matching(keys=changes.pop("match_keys", ()), phone_region=changes.pop("phone_region", "")),
    )
    return sync_pb2.Target(
        **{
            "integration_id": integration_id,
            "tenant_id": TENANT,
            "provider": "hubspot",
            "account_id": ACCOUNT,
            "policy": policy,
            "mapped_fields": fields,
            "mapping_fingerprint": "m1",
            "webhooks_enabled": True,
            "revision": 1,
            "capabilities": LIKE_HUBSPOT,
            **changes,
        }
    )


def write_result(lease: sync_pb2.Lease, write: sync_pb2.Write, outcome: WriteOutcome) -> sync_pb2.WriteResult:
    """What came of a write, under the lease that it was handed out with."""
    result = sync_pb2.WriteResult(work_item_id=lease.work_item_id, fence=lease.fence, write_id=write.write_id)
    getattr(result, OUTCOMES[type(outcome)]).CopyFrom(outcome)
    return result


def document(collection: Collection[dict[str, Any]], document_id: str) -> dict[str, Any]:
    """A document that is there."""
    found = collection.find_one({"_id": document_id})
    assert found is not None, f"no {document_id} in {collection.name}"
    return found


def counters_of(store: LeadStore, integration_id: str = INTEGRATION) -> dict[str, Any]:
    """The statistics of an integration."""
    return Counters.of(store.database).get(integration_id)


def touch(
    record_id: str, kind: int = inbox.TOUCH_KIND_CHANGED, source: str = "", object_type: str = "contact"
) -> inbox.Touch:
    """A touch of a record."""
    return inbox.Touch(object_type=object_type, record_id=record_id, kind=kind, source=source)  # type: ignore[arg-type]


def present(
    lease: sync_pb2.Lease,
    modified: datetime,
    *,
    record_id: str = "",
    source_system: str = "",
    marked: str = "",
    history: Mapping[str, Iterable[tuple[str, datetime, bool]]] | None = None,
    before_lease: bool = False,
    given: Mapping[str, str] | None = None,
    merged: Iterable[str] = (),
    other_emails: Iterable[str] = (),
    landed: str = "",
    object_name: str = "",
    url: str = "",
    custom: Mapping[str, str] | None = None,
    **values: str,
) -> sync_pb2.Observation:
    """A present reading of `given` and `values`. `history` has (value, changed at, ours) per field, newest first."""
    values = {**(given or {}), **values}
    if history is None and lease.history and not before_lease:
        history = {}
    versions = {
        name: [sync_pb2.Version(crm=v, value=v, changed_at=stamp(t), ours=ours) for v, t, ours in entries]
        for name, entries in (history or {}).items()
    }
    held = {field: values.get(field, "") for field in FIELDS} | dict(custom or {})
    readings = [
        sync_pb2.Reading(field=field, crm=value, value=value, versions=versions.get(field, []))
        for field, value in held.items()
    ]
    record = sync_pb2.PresentRecord(
        record_id=record_id or lease.record_id,
        modified_at=stamp(modified),
        readings=readings,
        source_system=source_system,
        marked_lead_id=marked,
        with_history=history is not None,
        history_of=held if history is not None else (),
        landed_write_id=landed,
        object=object_name,
        record_url=url,
        merged_record_ids=merged,
        other_emails=other_emails,
    )
    return sync_pb2.Observation(
        work_item_id=lease.work_item_id, fence=lease.fence, present=record, read_before_lease=before_lease
    )


def absent(lease: sync_pb2.Lease) -> sync_pb2.Observation:
    """The CRM knows nothing of it."""
    return sync_pb2.Observation(work_item_id=lease.work_item_id, fence=lease.fence, absent=sync_pb2.AbsentRecord())


def archived(lease: sync_pb2.Lease) -> sync_pb2.Observation:
    """The record is in the archive."""
    return sync_pb2.Observation(work_item_id=lease.work_item_id, fence=lease.fence, archived=sync_pb2.ArchivedRecord())


def done(
    record_id: str, modified: datetime, given: Mapping[str, str] | None = None, **answer: str
) -> sync_pb2.WriteDone:
    """The CRM took a write."""
    answered = {**(given or {}), **answer}
    readings = [sync_pb2.Reading(field=f, crm=v, value=v) for f, v in answered.items()]
    return sync_pb2.WriteDone(record_id=record_id, modified_at=stamp(modified), readings=readings)


def eventually(condition: Callable[[], Any], within: float = 60) -> Any:
    """Wait until a condition holds, and answer what it gave."""
    deadline = time.monotonic() + within
    while not (result := condition()):
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.02)
    return result
