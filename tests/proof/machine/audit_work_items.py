"""L10: every event of an acknowledged delivery is covered by a later decision, or people see why it is not."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from lead_store.domain.work_item import work_item_id
from lead_store.mongo.delivery_documents import touches_of
from proof.machine.world import World
from work_item_values import wrong_keys


def acknowledged(world: World) -> Iterator[str]:
    """All deliveries that were kept, and all work items."""
    integrations = {tenant.integration_id: tenant for tenant in world.tenants}
    for delivery in world.suite.look.deliveries.collection.find({}):
        if delivery["state"] not in {"routed", "ignored"} or (
            delivery["state"] == "ignored" and not delivery["reason"]
        ):
            yield f"L10: a delivery is still {delivery['state']!r}"
        elif delivery["integration_id"] not in integrations:
            yield "L10: a delivery went nowhere"
        else:
            for touch in touches_of(delivery):
                yield from _covered(world, delivery, touch.record_id)
    work_items = list(world.suite.look.work_items.collection.find({}))
    for work_item in work_items:
        yield from _at_rest(work_item)
    yield from (f"L10: nobody finds {wrong}" for wrong in wrong_keys(work_items))
    yield from (f"unforeseen: {event}" for event in world.unforeseen())


def _covered(world: World, delivery: dict[str, Any], record_id: str) -> Iterator[str]:
    work_item = world.work_item(work_item_id(delivery["integration_id"], record_id=record_id))
    if work_item is None:
        if not world.ledger.was_erased(delivery["tenant_id"], record_id):
            yield f"L10: record {record_id[-6:]} has no work item"
    elif not work_item.get("failed_at") and not work_item.get("due_at"):
        decided = work_item.get("decided_at")
        if decided is None or decided < delivery["recorded_at"]:
            yield f"L10: record {record_id[-6:]} was never decided since {delivery['recorded_at']}: {work_item}"


def _at_rest(work_item: dict[str, Any]) -> Iterator[str]:
    name = work_item["_id"]
    if isinstance(work_item.get("failed_at"), datetime):
        if not work_item.get("reason"):
            yield f"L10: {name} has failed without a reason"
    elif work_item.get("due_at") and work_item.get("reason") != "field_paused":
        yield f"L10: {name} is still due: {work_item.get('reason')}"
    if work_item.get("worker"):
        yield f"L10: {name} is still leased"
