"""L10: every event of an acknowledged delivery is covered by a later decision, or people see why it is not."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from lead_store.domain.lane import lane_id
from lead_store.mongo.delivery_documents import touches_of
from proof.machine.world import World


def acknowledged(world: World) -> Iterator[str]:
    """All deliveries that were kept, and all lanes."""
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
    for lane in world.suite.look.lanes.collection.find({}):
        yield from _at_rest(lane)
    yield from (f"unforeseen: {event}" for event in world.unforeseen())


def _covered(world: World, delivery: dict[str, Any], record_id: str) -> Iterator[str]:
    lane = world.lane(lane_id(delivery["integration_id"], record_id=record_id))
    if lane is None:
        if not world.ledger.was_erased(delivery["tenant_id"], record_id):
            yield f"L10: record {record_id[-6:]} has no lane"
    elif not lane.get("failed_at") and not lane.get("due_at"):
        decided = lane.get("decided_at")
        if decided is None or decided < delivery["recorded_at"]:
            yield f"L10: record {record_id[-6:]} was never decided since {delivery['recorded_at']}: {lane}"


def _at_rest(lane: dict[str, Any]) -> Iterator[str]:
    name = lane["_id"]
    if isinstance(lane.get("failed_at"), datetime):
        if not lane.get("reason"):
            yield f"L10: {name} has failed without a reason"
    elif lane.get("due_at") and lane.get("reason") != "field_paused":
        yield f"L10: {name} is still due: {lane.get('reason')}"
    if lane.get("worker"):
        yield f"L10: {name} is still leased"
