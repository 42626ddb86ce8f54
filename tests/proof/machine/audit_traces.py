"""L3, L9, L11: how much was written, whose values are where, and whether what was erased has gone."""

import json
from collections.abc import Iterator
from typing import Any

import zstandard
from proof.machine.world import World


def bounded_writes(world: World) -> Iterator[str]:
    """L3: what people did caused at most one effective write each; a field that is fought over, a bounded number."""
    fights = 40 if world.config.workflow else 0
    for tenant in world.tenants:
        links = world.suite.look.decisions.collection.find({"tenant_id": tenant.name, "outcome": "linked"})
        allowed = world.ledger.may_write[tenant.name] + len(list(links)) + fights
        if (writes := world.hub.writes(tenant)) > allowed:
            yield f"L3: {writes} writes to {tenant}, at most {allowed} were asked for"


def isolated(world: World) -> Iterator[str]:
    """L9: nothing of a tenant holds another one's values, links or ids."""
    for tenant in world.tenants:
        others = [other for other in world.tenants if other is not tenant]
        foreign = [
            value for other in others for value in (*other.values["first_name"], *other.values["phone"]) if value
        ]
        foreign += [f"{other.name[-1]}-co-" for other in others]
        foreign += [text for other in others for text in (other.integration_id, other.name)]
        for where, text in _texts(world, tenant.name):
            yield from (f"L9: {where} of {tenant} holds {value!r}" for value in foreign if value in text)
        for record in world.hub.contacts(tenant):
            text = json.dumps(record.values, default=str)
            yield from (f"L9: a contact of {tenant} holds {value!r}" for value in foreign if value in text)


def erased(world: World) -> Iterator[str]:
    """L11: what was known of an erased person is nowhere, once the event that told of it has arrived."""
    for (tenant_id, record_id), values in world.ledger.erased.items():
        if record_id in world.lost:  # not promised: without its event an erasure is not noticed
            continue
        if _waits_for_consent(world, tenant_id, record_id):
            continue
        # Not promised: without the event of a merge nobody knows whose the records of before it were.
        if world.merge_lost(tenant_id, record_id):
            values = values - world.ledger.by_merge[tenant_id, record_id]  # noqa: PLW2901 - the same, as far as known
        for where, text in _texts(world, tenant_id):
            for value in values:
                if value in text:
                    yield f"L11: {where} still holds {value!r} of record {record_id[-6:]}"


def _waits_for_consent(world: World, tenant_id: str, record_id: str) -> bool:
    """Whether a person has to agree (L7): it is more than the cap to erase this record, or one merged into it."""
    work_items = world.suite.look.work_items.collection.find({"tenant_id": tenant_id, "reason": "delete_cap"})
    failed = [str(work_item["record_id"]) for work_item in work_items if work_item.get("failed_at")]
    return any(world.ledger.root(tenant_id, one) == record_id for one in failed)


def _texts(world: World, tenant_id: str) -> Iterator[tuple[str, str]]:
    """Every document of a tenant as text."""
    database: Any = world.suite.client[world.suite.look.database._real.name]
    for name in database.list_collection_names():
        for document in database[name].find({}):
            if document.get("tenant_id") == tenant_id:
                if name == "deliveries":
                    document["events"] = zstandard.decompress(document["events"]).decode()
                yield f"{name}/{document['_id']}", json.dumps(document, default=str)
