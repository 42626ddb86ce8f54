"""All indexes, made at start; making them twice changes nothing."""

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database

from lead_store.mongo.client import Document

INDEXES: dict[str, list[IndexModel]] = {
    "targets": [IndexModel([("provider", ASCENDING), ("account_id", ASCENDING)], unique=True)],
    "leads": [
        IndexModel([("tenant_id", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("email_ref", ASCENDING)]),
        IndexModel([("refs", ASCENDING)]),
        IndexModel(
            [("tenant_id", ASCENDING), ("request_id", ASCENDING)],
            unique=True,
            partialFilterExpression={"request_id": {"$gt": ""}},
        ),
        IndexModel([("links.integration_id", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("links.ref", ASCENDING)]),
        IndexModel([("merged_into", ASCENDING)], sparse=True),
        IndexModel(
            [("tenant_id", ASCENDING), ("_id", ASCENDING)],
            partialFilterExpression={"conflicts": {"$gt": 0}},
            name="conflicts",
        ),
    ],
    "deliveries": [
        IndexModel([("route_key", ASCENDING)], partialFilterExpression={"state": "new"}),
        IndexModel(
            [("provider", ASCENDING), ("account_id", ASCENDING)], partialFilterExpression={"state": "unroutable"}
        ),
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0),
        # Of deliveries that have been routed, so that keeping one need not wait for these two.
        IndexModel(
            [("tenant_id", ASCENDING), ("received_at", DESCENDING)],
            partialFilterExpression={"tenant_id": {"$gt": ""}},
            name="shown",
        ),
        # A CRM's ids are its own: few other accounts have the same ones.
        IndexModel([("record_ids", ASCENDING)], sparse=True, name="filed"),
    ],
    "work_items": [
        IndexModel([("due_at", ASCENDING)], sparse=True),
        IndexModel([("ready_key", ASCENDING)], sparse=True),
        IndexModel([("run_id", ASCENDING)], partialFilterExpression={"run_id": {"$gt": ""}}),
        IndexModel([("match_of", ASCENDING)], sparse=True),
        IndexModel([("tenant_id", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("failed_at", ASCENDING)], partialFilterExpression={"failed_at": {"$type": "date"}}),
    ],
    "quarantine": [
        IndexModel([("place", ASCENDING)]),
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0),
    ],
    "decisions": [IndexModel([("tenant_id", ASCENDING), ("lead_id", ASCENDING), ("_id", ASCENDING)])],
}


def ensure_indexes(database: Database[Document]) -> None:
    """Create whatever index is missing."""
    for collection, models in INDEXES.items():
        database[collection].create_indexes(models)
