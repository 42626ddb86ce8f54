"""All collections and their indexes, made at start; making them twice changes nothing.

Each collection may be sharded by its `_id`, but for `targets`, which is small. So no other index is unique: a rule of
uniqueness is an `_id`. MongoDB uses an index for a query that says something of its first field, and a partial one only
if the query also implies its filter. The embedded server moreover wants that field to come first in the query.
"""

from contextlib import suppress

import pymongo
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import CollectionInvalid

from lead_store.mongo.client import Document

INDEXES: dict[str, list[IndexModel]] = {
    "targets": [
        IndexModel([("provider", ASCENDING), ("account_id", ASCENDING)], unique=True),
        IndexModel([("tenant_id", ASCENDING)]),
    ],
    "leads": [
        IndexModel([("tenant_id", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("email_ref", ASCENDING)]),
        IndexModel([("refs", ASCENDING)]),
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
            [("tenant_id", ASCENDING), ("received_at", DESCENDING), ("_id", DESCENDING)],
            partialFilterExpression={"tenant_id": {"$gt": ""}},
            name="newest",
        ),
        # A CRM's ids are its own: few other accounts have the same ones.
        IndexModel([("record_ids", ASCENDING)], sparse=True, name="filed"),
    ],
    "work_items": [
        IndexModel([("ready_key", ASCENDING)], sparse=True),
        IndexModel([("refs", ASCENDING)], sparse=True),
        IndexModel([("lead_id", ASCENDING)], partialFilterExpression={"lead_id": {"$gt": ""}}, name="of_lead"),
    ],
    "quarantine": [
        IndexModel([("place", ASCENDING)]),
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0),
    ],
    "sign_in_codes": [IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0)],
    "decisions": [IndexModel([("tenant_id", ASCENDING), ("lead_id", ASCENDING), ("_id", ASCENDING)])],
}


# Made in transactions as well, where a sharded cluster makes no collections.
WITHOUT_INDEXES = (
    *("requests", "identities", "tombstones", "erasures", "counters", "lead_fields"),
    *("processes", "keys", "data_version"),
)
FORMER = {
    "deliveries": ["shown"],
    "leads": ["tenant_id_1_request_id_1"],
    "work_items": [
        *("integration_id_1_due_at_1", "claim_1", "due_at_1", "run_id_1", "match_of_1", "failed_at_1"),
        "tenant_id_1__id_1",
    ],
}
LONGEST_BUILD = 86_400.0  # seconds: without a limit of its own, a build would have that of other statements


def ensure_indexes(database: Database[Document]) -> None:
    """Create whatever collection or index is missing, and drop those that earlier versions made."""
    there = set(database.list_collection_names())
    for name in {*INDEXES, *WITHOUT_INDEXES} - there:
        _create(database, name)
    with pymongo.timeout(LONGEST_BUILD):
        for name, models in INDEXES.items():
            database[name].create_indexes(models)
    for name, former in FORMER.items():
        for index in set(former) & database[name].index_information().keys():
            database[name].drop_index(index)


def _create(database: Database[Document], name: str) -> None:
    with suppress(CollectionInvalid):  # another process was first
        database.create_collection(name, check_exists=True)
