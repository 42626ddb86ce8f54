"""The indexes; the unique ones are rules: one integration per account, one running run of a kind, one per request."""

from typing import Any

import pymongo
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

from crm_connector.mongo.client import mapped_errors

# What came of a run is of interest for a while, what it planned only as long as the world is much the same.
_LONGEST_BUILD = 86_400.0  # seconds: the limit of other operations would end the build of a large index each time
_RUN_KEPT_SECONDS, _PLAN_KEPT_SECONDS = 90 * 86_400, 7 * 86_400


def ensure(db: Database[dict[str, Any]]) -> None:
    """Make sure that all indexes are there; repeatable."""
    with mapped_errors(), pymongo.timeout(_LONGEST_BUILD):
        db.integrations.create_indexes(
            [
                IndexModel([("provider", ASCENDING), ("account_id", ASCENDING)], name="one_per_account", unique=True),
                IndexModel(
                    [("tenant_id", ASCENDING), ("request_id", ASCENDING)],
                    name="one_per_request",
                    unique=True,
                    partialFilterExpression={"request_id": {"$exists": True}},
                ),
                IndexModel([("tenant_id", ASCENDING), ("_id", ASCENDING)], name="by_tenant"),
                IndexModel([("provider", ASCENDING), ("app_id", ASCENDING)], name="by_app"),
            ]
        )
        db.runs.create_indexes(
            [
                IndexModel(
                    [("integration_id", ASCENDING), ("kind", ASCENDING)],
                    name="one_at_work",
                    unique=True,  # of imports and pushes; an apply run gives way to the next one by itself
                    partialFilterExpression={"state": "running", "kind": {"$gt": "apply"}},
                ),
                IndexModel(
                    [("tenant_id", ASCENDING), ("request_id", ASCENDING)],
                    name="one_per_request",
                    unique=True,
                    partialFilterExpression={"request_id": {"$gt": ""}},
                ),
                IndexModel([("tenant_id", ASCENDING), ("_id", ASCENDING)], name="by_tenant"),
                IndexModel([("state", ASCENDING), ("until", ASCENDING)], name="by_turn"),
                IndexModel([("ended_at", ASCENDING)], name="expires", expireAfterSeconds=_RUN_KEPT_SECONDS),
            ]
        )
        db.planned_records.create_indexes(
            [
                IndexModel([("run_id", ASCENDING), ("_id", ASCENDING)], name="by_run"),
                IndexModel([("run_id", ASCENDING), ("outcome", ASCENDING), ("_id", ASCENDING)], name="by_outcome"),
                IndexModel([("planned_at", ASCENDING)], name="expires", expireAfterSeconds=_PLAN_KEPT_SECONDS),
            ]
        )
