"""The least that the writes of a decided record can cost: the same documents, in as few statements as there can be."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo import ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from bench.rig import Rig

Document = dict[str, Any]
BATCH = 100


def floor_ms(rig: Rig, database: Database[Document], records: int, *, new: bool) -> float:
    """Processor milliseconds of the database for one record, in a database of its own on the same server.

    A transaction for each hundred: it reads leads and work items by id, replaces the leads, inserts decisions, ends the
    leases and moves a counter. Nothing has an index but that of its id. `new` = leads and work items are inserted, as
    an import does.
    """
    leads = list(database["leads"].find({"links": {"$ne": []}}).limit(records))
    work_items = list(database["work_items"].find({"_id": {"$in": [_work_item_id(lead) for lead in leads]}}))
    decision = database["decisions"].find_one()
    client, floor = database.client, database.client["bench_floor"]
    client.drop_database(floor.name)
    if not new:
        floor["leads"].insert_many(leads, ordered=False)
        floor["work_items"].insert_many(work_items, ordered=False)
    floor["counters"].insert_one({"_id": "decided", "count": 0})
    before = rig.cpu_seconds("database")
    for some_leads, some_items in zip(_batches(leads), _batches(work_items), strict=True):
        with client.start_session() as session, session.start_transaction():
            _write(floor, some_leads, some_items, decision or {}, session, new=new)
    spent = rig.cpu_seconds("database") - before
    client.drop_database(floor.name)
    return spent * 1_000 / max(1, len(leads))


def _write(
    floor: Database[Document],
    leads: Sequence[Document],
    work_items: Sequence[Document],
    decision: Document,
    session: ClientSession,
    *,
    new: bool,
) -> None:
    now = datetime.now(UTC)
    lead_ids, item_ids = [lead["_id"] for lead in leads], [one["_id"] for one in work_items]
    list(floor["leads"].find({"_id": {"$in": lead_ids}}, session=session))
    list(floor["work_items"].find({"_id": {"$in": item_ids}}, session=session))
    if new:
        floor["leads"].insert_many(leads, session=session)
        floor["work_items"].insert_many(work_items, session=session)
    else:
        replaced = [{**lead, "revision": lead["revision"] + 1, "changed_at": now} for lead in leads]
        floor["leads"].bulk_write([ReplaceOne({"_id": one["_id"]}, one) for one in replaced], session=session)
        ended = {"worker": "", "lease_until": now, "outcome": "updated", "decided_at": now}
        floor["work_items"].update_many({"_id": {"$in": item_ids}}, {"$set": ended}, session=session)
    decisions = [{**decision, "_id": f"{lead_id}/{time.monotonic_ns()}", "lead_id": lead_id} for lead_id in lead_ids]
    floor["decisions"].insert_many(decisions, session=session)
    floor["counters"].update_one({"_id": "decided"}, {"$inc": {"count": len(leads)}}, session=session)


def _work_item_id(lead: Document) -> str:
    link = lead["links"][0]
    return f"{link['integration_id']}/record/{link['record_id']}"


def _batches(documents: Sequence[Document]) -> Iterator[Sequence[Document]]:
    for start in range(0, len(documents), BATCH):
        yield documents[start : start + BATCH]
