"""Many linked leads at once: one is made by a webhook, and its documents are copied."""

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from leadsync.inbox.v1 import inbox_service_pb2, inbox_service_pb2_grpc
from leadsync.sync.v1 import sync_pb2
from leadsync_cli.suite.catalogue import SIMULATED_ACCOUNT
from pymongo.database import Database

from bench.store import FIELDS, StoreClient

Document = dict[str, Any]
AT_ONCE = 1_000
TEMPLATE_RECORD, TEMPLATE_EMAIL = "999999999", "template@example.com"


def make_template(store: StoreClient, inbox: inbox_service_pb2_grpc.InboxServiceStub) -> str:
    """Bring one contact in, as its webhook and its reading would; return its lead's id."""
    touch = inbox_service_pb2.Touch(
        object_type="contact", record_id=TEMPLATE_RECORD, kind=inbox_service_pb2.TOUCH_KIND_CREATED
    )
    delivery = inbox_service_pb2.Delivery(
        delivery_key=uuid.uuid4().hex,
        provider="hubspot",
        account_id=SIMULATED_ACCOUNT,
        events=b"[]",
        touches=[touch],
        received_at=stamp(datetime.now(UTC)),
        event_count=1,
    )
    inbox.RecordDeliveries(inbox_service_pb2.RecordDeliveriesRequest(deliveries=[delivery]), timeout=10)
    (lease,) = store.lease(wait_seconds=10)
    values = {name: f"{name} of somebody" for name in FIELDS} | {"email": TEMPLATE_EMAIL}
    (decision,) = store.reconcile([observation(lease, datetime.now(UTC), values)])
    return decision.lead_id


def observation(lease: sync_pb2.Lease, modified_at: datetime, values: Mapping[str, str]) -> sync_pb2.Observation:
    """Return the observation of a present record with these values."""
    readings = [sync_pb2.Reading(field=name, crm=values[name], value=values[name]) for name in FIELDS]
    record = sync_pb2.PresentRecord(record_id=lease.record_id, modified_at=stamp(modified_at), readings=readings)
    return sync_pb2.Observation(work_item_id=lease.work_item_id, fence=lease.fence, present=record)


def values_of(record: int) -> dict[str, str]:
    """Return the values of the copy with this number."""
    return {name: f"{name} of somebody" for name in FIELDS} | {"email": f"person{record}@example.com"}


def stamp(moment: datetime) -> Timestamp:
    """Return a moment as the contract's timestamp."""
    result = Timestamp()
    result.FromDatetime(moment)
    return result


def seed(database: Database[Document], lead_id: str, first: int, last: int) -> None:
    """Copy the template's lead, work item and identity, for records of these numbers (the last one included)."""
    lead = database["leads"].find_one({"_id": lead_id})
    work_item = database["work_items"].find_one({"lead_id": lead_id, "record_id": TEMPLATE_RECORD})
    if lead is None or work_item is None:
        raise RuntimeError("the template has not been linked")
    for numbers in _chunks(first, last):
        leads, work_items, identities = [], [], []
        for number in numbers:
            names = _names(lead_id, number)
            leads.append(_renamed(lead, names))
            work_items.append(_renamed(work_item, names))
            digest = hashlib.sha256(names[TEMPLATE_EMAIL].encode()).hexdigest()
            identities.append({"_id": f"{lead['tenant_id']}/{digest}", "uses": 1})
        for collection, documents in (("leads", leads), ("work_items", work_items), ("identities", identities)):
            database[collection].insert_many(documents, ordered=False)


def _names(lead_id: str, number: int) -> dict[str, str]:
    return {
        lead_id: f"{lead_id[:24]}{number:012d}",
        TEMPLATE_RECORD: str(number),
        TEMPLATE_EMAIL: f"person{number}@example.com",
    }


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a copy of a document with other ids in it."""
    if isinstance(value, str):
        for old, new in names.items():
            if old in value:
                value = value.replace(old, new)
        return value
    if isinstance(value, dict):
        return {name: _renamed(inner, names) for name, inner in value.items()}
    return [_renamed(inner, names) for inner in value] if isinstance(value, list) else value


def _chunks(first: int, last: int) -> Iterator[range]:
    for start in range(first, last + 1, AT_ONCE):
        yield range(start, min(start + AT_ONCE, last + 1))
