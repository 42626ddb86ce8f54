"""Changing work items from outside, as if time had gone by or an earlier version had written them."""

from collections.abc import Iterable, Iterator
from typing import Any

from lead_store.mongo.work_keys import with_work_keys
from pymongo.collection import Collection


def put_values(work_items: Collection[dict[str, Any]], work_item_id: str, **values: object) -> None:
    """Set values of a work item, and the key that follows from them; None removes one.

    The next look for work asks its integration, as it would once so much time had gone by.
    """
    update = {name: "$$REMOVE" if value is None else {"$literal": value} for name, value in values.items()}
    work_items.update_one({"_id": work_item_id}, with_work_keys(update))
    if work_item := work_items.find_one({"_id": work_item_id}, {"integration_id": 1}):
        work_items.database["targets"].update_one({"_id": work_item["integration_id"]}, {"$inc": {"news": 1}})


def wrong_keys(work_items: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The work items that would not be found by their keys, or are found by keys that they should not have."""
    for one in work_items:
        key = None
        if one.get("due_at"):
            ready_at = int(max(one["due_at"], one["lease_until"]).timestamp() * 1_000)
            key = f"{one['integration_id']}/{1 if one['run_id'] else 0}/{100_000_000_000_000 + ready_at}"
        if one.get("ready_key") != key:
            yield f"{one['_id']}: its key is {one.get('ready_key')}, it should be {key}"
        refs = ["failed", f"failed/{one['integration_id']}"] if one.get("failed_at") else []
        refs += [f"run/{one['run_id']}"] if one.get("run_id") else []
        refs += [f"choice/{one['tenant_id']}"] if one.get("candidates") else []
        if one.get("refs", []) != refs:
            yield f"{one['_id']}: its references are {one.get('refs')}, they should be {refs}"
