"""The indexes; two of them are rules: one integration per account, one per request."""

from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

from crm_connector.mongo.client import mapped_errors


def ensure(db: Database[dict[str, Any]]) -> None:
    """Make sure that all indexes are there; repeatable."""
    with mapped_errors():
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
