"""Data of earlier versions is upgraded at the start; that of a newer one is refused."""

import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from typing import Any

from crm_connector.mongo.client import connect
from crm_connector.mongo.cursors import MongoCursors, RemovedPass
from crm_connector.mongo.data_version import PRESENT, upgrade
from integration.connector.processes import free_port, wait_until
from pymongo.database import Database

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)


def test_the_pass_over_removed_records_goes_on_after_the_upgrade(db: Database[dict[str, Any]]) -> None:
    """0.1.0 called it `bin`. What a later version has begun since is left alone, and repeating changes nothing."""
    old = {"since": AT, "began_at": AT, "position": "5"}
    db.cursors.insert_many([{"_id": "1", "bin": old}, {"_id": "2", "bin": old, "removed": {**old, "position": "9"}}])

    upgrade(db)
    upgrade(db)

    cursors = MongoCursors(db)
    assert cursors.removed_pass("1") == RemovedPass(AT, AT, "5")
    assert cursors.removed_pass("2") == RemovedPass(AT, AT, "9")
    assert db.data_version.find_one() == {"_id": "data", "version": PRESENT}


def test_newer_data_is_refused_in_plain_words(mongo_url: str) -> None:
    """The service says what to do, changes nothing, and says by its exit code that trying again does not help."""
    prefix, port = f"test_{uuid.uuid4().hex[:12]}", str(free_port())
    name = f"{prefix}_crm_connector"
    environment = {"MONGO_URL": mongo_url, "LEADSYNC_DATABASE_PREFIX": prefix, "LEADSYNC_SECRET_KEY": "k" * 32}
    with connect(mongo_url) as client:
        client[name].data_version.insert_one({"_id": "data", "version": PRESENT + 1})
        ended = subprocess.run(
            [sys.executable, "-m", "crm_connector"],
            env={**os.environ, **environment, "CRM_CONNECTOR_PORT": port},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        collections = client[name].list_collection_names()
        client.drop_database(name)

    assert ended.returncode == 2
    assert f"was written by a newer leadsync (data version {PRESENT + 1}" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert collections == ["data_version"]


def test_a_process_ends_when_a_newer_one_has_upgraded_the_data(mongo_url: str) -> None:
    """It says why, and by its exit code that a new start does not help."""
    prefix, port = f"test_{uuid.uuid4().hex[:12]}", free_port()
    environment = {"MONGO_URL": mongo_url, "LEADSYNC_DATABASE_PREFIX": prefix, "LEADSYNC_SECRET_KEY": "k" * 32}
    with (
        connect(mongo_url) as client,
        subprocess.Popen(
            [sys.executable, "-m", "crm_connector"],
            env={**os.environ, **environment, "CRM_CONNECTOR_PORT": str(port), "LEADSYNC_TIME_SCALE": "10"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        versions = client[f"{prefix}_crm_connector"].data_version
        try:
            wait_until(lambda: versions.find_one({"version": PRESENT}))
            versions.update_one({"_id": "data"}, {"$inc": {"version": 1}})
            _, said = process.communicate(timeout=120)
        finally:
            process.kill()
            client.drop_database(f"{prefix}_crm_connector")

    assert process.returncode == 2
    assert "by a newer leadsync" in said
    assert "Traceback" not in said
