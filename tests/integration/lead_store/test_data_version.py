"""Data of earlier versions is upgraded at the start; that of a newer one is refused.

The fixture was written by lead-store 0.1.0. It holds links, a conflict, a write whose answer never came, due work and
an erased person.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymongo
import pytest
from bson import json_util
from embedded_mongo import free_port
from integration.connector.processes import listens
from lead_store.mongo.client import Document
from lead_store.mongo.data_version import PRESENT, STEPS, upgrade
from lead_store.mongo.processes import Processes
from lead_store_calls import INTEGRATION, absent, at, eventually, present, running, touch
from lead_store_moves import conflicts, lease_of
from leadsync.sync.v1 import sync_pb2, work_service_pb2
from pymongo.database import Database
from work_item_values import put_values, wrong_keys

WRITTEN = Path(__file__).parents[2] / "fixtures" / "lead_store_0_1_0.json"
PAUSED_AT = datetime(2026, 11, 30, 1, tzinfo=UTC)
NOT_DATA = {"data_version", "processes"}


@pytest.fixture
def database(mongo_url: str) -> Iterator[Database[Document]]:
    """A database as 0.1.0 has left it, with a field that it had paused."""
    client: pymongo.MongoClient[Document] = pymongo.MongoClient(mongo_url, tz_aware=True)
    with client:
        database = client[f"test_{uuid.uuid4().hex[:12]}_lead_store"]
        for name, documents in json_util.loads(WRITTEN.read_text()).items():
            if documents:
                database[name].insert_many(documents)
        paused = {"links.0.swings.first_name.4": PAUSED_AT}
        assert database["leads"].update_one({"values.first_name": "Grace M."}, {"$set": paused}).matched_count == 1
        yield database
        client.drop_database(database.name)


def everything(database: Database[Document]) -> dict[str, list[Document]]:
    """All documents of all collections that hold any."""
    names = set(database.list_collection_names()) - NOT_DATA
    found = {name: sorted(database[name].find(), key=lambda one: str(one["_id"])) for name in names}
    return {name: documents for name, documents in found.items() if documents}


def test_data_of_the_first_version_is_worked_on(mongo_url: str, database: Database[Document]) -> None:
    """Leads, links, conflicts, failed work and erasures are as they were, and all that was due is worked."""
    with running(mongo_url, database=database.name) as store:
        leads = {lead.email: lead for lead in store.all_leads()}
        assert sorted(leads) == [f"{name}@example.com" for name in ("ada", "grace", "joan", "mary", "waiting")]
        assert {leads[f"{name}@example.com"].links[0].record_id for name in ("ada", "grace", "joan", "mary")} == set(
            "1234"
        )
        (conflict,) = conflicts(store)
        assert (conflict.field, conflict.lead_id) == ("phone", leads["mary@example.com"].lead_id)
        assert "7" in {one.record_id for one in store.work(work_service_pb2.WORK_STATE_DUE)}
        (decision,) = store.reconcile(present(lease_of(store, "7"), at(1), email="new@example.com"))
        assert decision.outcome == sync_pb2.OUTCOME_CREATED
        store.deliver(touch("6"))
        (decision,) = store.reconcile(present(lease_of(store, "6"), at(9), email="erased@example.com"))
        assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_SKIPPED, "erased")
        grace = database["leads"].find_one({"values.first_name": "Grace M."})
        assert grace is not None
        assert grace["links"][0]["oscillations"]["first_name"][4] == PAUSED_AT + timedelta(hours=1)
        assert "lanes" not in database.list_collection_names()


def test_a_write_that_was_under_way_is_judged_after_the_upgrade(mongo_url: str, database: Database[Document]) -> None:
    """R2: the pending write is known to its work item, and settles by the next reading with history."""
    database["lanes"].update_one({"record_id": "3"}, {"$set": {"due_at": at(0), "lease_until": at(0)}})
    with running(mongo_url, database=database.name) as store:
        (joan,) = [lead for lead in store.all_leads() if lead.email == "joan@example.com"]
        (decision,) = store.reconcile(absent(lease_of(store, "3")))
        assert decision.outcome != sync_pb2.OUTCOME_FENCED
        pending = database["leads"].find_one({"_id": joan.lead_id}, {"links": 1})
        assert pending is not None
        assert pending["links"][0]["pending"]["work_item_id"] == f"{INTEGRATION}/record/3"


def test_an_upgrade_that_broke_off_is_finished(database: Database[Document]) -> None:
    """Whatever had been done, the result is the same, and repeating it changes nothing."""

    def break_off(*_: Any) -> None:
        raise KeyboardInterrupt

    before = everything(database)
    with pytest.raises(KeyboardInterrupt):
        upgrade(database, {2: lambda data, _: STEPS[2](data, break_off)})
    assert "lanes" in everything(database)
    upgrade(database)
    after = everything(database)
    upgrade(database)

    assert everything(database) == after
    assert list(wrong_keys(after["work_items"])) == []
    for work_item in after["work_items"]:
        work_item.pop("ready_key", None)
        work_item.pop("refs", None)
    assert after["work_items"] == before["lanes"]
    assert len(after["leads"]) == len(before["leads"])
    assert database["data_version"].find_one() == {"_id": "data", "version": PRESENT}


def test_work_of_a_version_in_between_is_kept(database: Database[Document]) -> None:
    """A build that did not look for old data has begun anew beside it: its work stays, and the old work is added."""
    old = {one["_id"]: one for one in database["lanes"].find()}
    known = next(one for one in old.values() if one["record_id"] == "7")
    database["work_items"].insert_one({**known, "due_at": None, "version": 99})
    upgrade(database)
    new = {one["_id"]: one for one in database["work_items"].find()}

    assert set(new) == set(old)
    assert new[known["_id"]]["version"] == 99
    assert new[known["_id"]]["due_at"] is not None
    assert "lanes" not in database.list_collection_names()


@pytest.mark.parametrize("noted", [True, False], ids=["its version is noted", "its version is not noted"])
def test_due_work_of_an_earlier_version_is_found(mongo_url: str, database: Database[Document], noted: bool) -> None:
    """It gets the key by which due work is found, and indexes that nothing uses any more are removed."""
    upgrade(database, {2: STEPS[2]})
    if not noted:
        database["data_version"].drop()
    database["work_items"].create_index([("integration_id", 1), ("due_at", 1)])
    with running(mongo_url, database=database.name) as store:
        assert lease_of(store, "7").record_id == "7"
        assert "integration_id_1_due_at_1" not in store.database.work_items.index_information()


def test_a_request_of_an_earlier_version_makes_no_second_lead(mongo_url: str, database: Database[Document]) -> None:
    """Which lead a request made was an index of the leads once; that index is gone, and what it said is not."""
    made = database["leads"].find_one({"values.email": "ada@example.com"})
    assert made is not None
    database["leads"].update_one({"_id": made["_id"]}, {"$set": {"request_id": "r"}})
    once = [("tenant_id", 1), ("request_id", 1)]
    database["leads"].create_index(once, unique=True, partialFilterExpression={"request_id": {"$gt": ""}})
    with running(mongo_url, database=database.name) as store:
        assert "tenant_id_1_request_id_1" not in database["leads"].index_information()
        assert store.create(request_id="r", email="another@example.com").lead_id == made["_id"]


def test_an_empty_database_has_the_present_version(mongo_url: str) -> None:
    """So a later version knows where to begin."""
    with running(mongo_url) as store:
        assert store.database.data_version.find_one() == {"_id": "data", "version": PRESENT}


def test_newer_data_is_refused_in_plain_words(mongo_url: str, database: Database[Document]) -> None:
    """The service says what to do, changes nothing, and says by its exit code that trying again does not help."""
    database["data_version"].insert_one({"_id": "data", "version": PRESENT + 1})
    before = everything(database)
    prefix = database.name.removesuffix("_lead_store")
    given = {"MONGO_URL": mongo_url, "LEADSYNC_DATABASE_PREFIX": prefix, "LEADSYNC_IDENTITY_KEY": "k" * 44}
    command = [sys.executable, "-m", "lead_store"]
    ended = subprocess.run(
        command, env={**os.environ, **given}, capture_output=True, text=True, timeout=120, check=False
    )

    assert ended.returncode == 2
    assert f"was written by a newer leadsync (data version {PRESENT + 1}" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert everything(database) == before


def test_a_process_ends_when_a_newer_one_has_upgraded_the_data(mongo_url: str, database: Database[Document]) -> None:
    """What it went on to write would not be found. It says why, and by its exit code that a new start does not help."""
    prefix, port = database.name.removesuffix("_lead_store"), str(free_port())
    given = {"MONGO_URL": mongo_url, "LEADSYNC_DATABASE_PREFIX": prefix, "LEADSYNC_IDENTITY_KEY": "k" * 44}
    with subprocess.Popen(
        [sys.executable, "-m", "lead_store"],
        env={**os.environ, **given, "LEAD_STORE_PORT": port},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            eventually(lambda: listens(int(port)))
            database["data_version"].update_one({"_id": "data"}, {"$inc": {"version": 1}})
            _, said = process.communicate(timeout=120)
        finally:
            process.kill()

    assert process.returncode == 2
    assert f"has been upgraded by a newer leadsync (data version {PRESENT + 1}" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("gone", [False, True], ids=["it still runs", "a peer has seen its end"])
def test_what_an_older_process_wrote_after_the_upgrade_is_found(database: Database[Document], gone: bool) -> None:
    """Work that it made due has no key or a former one, and work that it ended still has one: a start corrects that."""
    upgrade(database)
    items, due = database["work_items"], datetime.now(UTC) - timedelta(hours=1)
    ids = [one["_id"] for one in items.find().limit(3)]
    free = {"lease_until": due, "worker": "", "failed_at": None}
    items.update_many({}, {"$set": free, "$unset": {"due_at": 1, "ready_key": 1}})
    put_values(items, ids[1], due_at=due)
    put_values(items, ids[2], due_at=due)
    items.update_one({"_id": ids[0]}, {"$set": {"due_at": due}})
    items.update_one({"_id": ids[1]}, {"$set": {"due_at": due - timedelta(hours=1), "lease_until": due}})
    items.update_one({"_id": ids[1]}, {"$set": {"run_id": "r"}})
    items.update_one({"_id": ids[2]}, {"$unset": {"due_at": 1}})
    former = Processes.of(database, "former", timedelta(0))
    former.collection.insert_one({"_id": "former", "sessions": [], "seen_at": due})
    if gone:
        Processes.of(database, "peer", timedelta(0)).heartbeat()
        assert former.collection.find_one({"_id": "former"}) is None
    assert {wrong.partition(": ")[0] for wrong in wrong_keys(items.find())} == set(ids)
    upgrade(database)
    assert list(wrong_keys(items.find())) == []
    assert database["data_version"].find_one() == {"_id": "data", "version": PRESENT}


def test_what_a_process_of_the_first_version_wrote_after_the_upgrade_is_added(database: Database[Document]) -> None:
    """It writes into a collection of its own, which it makes again: whenever that is there, its work is taken over."""
    before = list(database["lanes"].find())
    upgrade(database)
    database["work_items"].delete_many({})
    database["lanes"].insert_many(before)
    upgrade(database)
    assert database["work_items"].count_documents({}) == len(before)
    assert list(wrong_keys(database["work_items"].find())) == []
    assert "lanes" not in database.list_collection_names()
