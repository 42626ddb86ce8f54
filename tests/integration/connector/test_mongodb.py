"""crm-connector and a MongoDB that changes its members, is the wrong one, or was given strange options."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crm_connector.domain.errors import StoreUnavailableError
from crm_connector.mongo import indexes
from crm_connector.mongo.client import connect, open_database
from crm_connector.mongo.cursors import MongoCursors
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.mongo.runs import MongoRuns
from embedded_mongo import free_port
from integration.connector.builders import an_integration
from mongo_faults import NO_ANSWER, NO_CALL, refused, unconfirmed
from mongo_planner import has_index
from mongo_proxy import Fault, MongoProxy, proxied
from pymongo import IndexModel
from pymongo.database import Database
from pymongo.read_preferences import ReadPreference

PASSWORD = "s3cret-passw0rd"
MONGO = Path(__file__).parents[3] / "services"


@pytest.fixture
def proxy(mongo_url: str) -> Iterator[MongoProxy]:
    """A hop to the database."""
    with proxied(mongo_url) as proxy:
        yield proxy


@pytest.mark.parametrize(
    "fault",
    [NO_CALL, NO_ANSWER, unconfirmed(64), unconfirmed(11602), refused(10107, "RetryableWriteError"), refused(13)],
    ids=lambda fault: fault.name,
)
def test_acknowledged_is_stored_once_and_refused_can_be_repeated(
    proxy: MongoProxy, db: Database[dict[str, Any]], fault: Fault
) -> None:
    """A write that no majority has confirmed is refused as an outage; whatever was refused can be done again."""
    integration = an_integration()
    with connect(proxy.url) as client:
        behind = MongoIntegrations(open_database(client, db.name))
        behind.add(integration, b"sealed")
        injection = proxy.inject(fault, "update", "integrations")
        try:
            behind.mark_deleting(integration.tenant_id, integration.integration_id)
        except StoreUnavailableError:
            behind.mark_deleting(integration.tenant_id, integration.integration_id)
        assert injection.hits == 1
    (stored,) = db.integrations.find()
    assert (stored["deleting"], stored["revision"]) == (True, integration.revision + 1)


def test_the_url_cannot_weaken_what_is_read_and_written(mongo_url: str) -> None:
    """Reads come from the primary and from what a majority has, and writes wait for it."""
    weak = f"{mongo_url}&readPreference=secondaryPreferred&readConcernLevel=local&w=1&journal=false"
    with connect(weak) as client:
        database = open_database(client, "any")
        assert database.read_preference == ReadPreference.PRIMARY
        assert database.read_concern.level == "majority"
        assert database.write_concern.document == {"w": "majority", "j": True}


def test_the_build_of_an_index_has_no_such_limit_as_a_call(proxy: MongoProxy, db: Database[dict[str, Any]]) -> None:
    """On a large collection it would be ended after five seconds, at each start."""
    with connect(proxy.url) as client:
        proxy.seen = []
        indexes.ensure(open_database(client, db.name))
        builds = [one for one in proxy.seen if "createIndexes" in one]
    hour = 3_600_000
    assert builds
    assert all(one["maxTimeMS"] > hour for one in builds)


def test_every_query_has_an_index(proxy: MongoProxy, db: Database[dict[str, Any]]) -> None:
    """By MongoDB's own rules; lists of all integrations are read whole."""
    made: dict[str, list[IndexModel]] = {}
    for name in ("integrations", "runs"):
        known = db[name].index_information()
        options = ("sparse", "partialFilterExpression")
        made[name] = [
            IndexModel(one["key"], **{option: one[option] for option in options if option in one})
            for one in known.values()
        ]
    with connect(proxy.url) as client:
        behind = open_database(client, db.name)
        integrations, runs, cursors = MongoIntegrations(behind), MongoRuns(behind, 60), MongoCursors(behind)
        proxy.seen = []
        integrations.find("1")
        integrations.by_request("t", "r")
        integrations.page("t", "", 9)
        integrations.of_app("hubspot", "1")
        runs.by_request("t", "r")
        runs.page("t", "", None, "", 9)
        runs.claim("o", [])
        runs.give_up(["o"])
        cursors.get("1")
    found = [(one["find"], one["filter"]) for one in proxy.seen if "find" in one]
    assert {"integrations", "runs", "cursors"} == {name for name, _ in found}
    assert [query for name, query in found if not has_index(query, made.get(name, []))] == []


def test_wrong_credentials_end_the_process_in_plain_words(proxy: MongoProxy) -> None:
    """Exit code 2, no traceback, no password."""
    proxy.inject(refused(18), "saslStart", times=1_000)
    given = {
        "MONGO_URL": proxy.url.replace("mongodb://", f"mongodb://crm-connector:{PASSWORD}@"),
        "LEADSYNC_SECRET_KEY": "k" * 44,
        "CRM_CONNECTOR_PORT": str(free_port()),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "crm_connector"],
        env=os.environ | given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    told = ended.stderr + ended.stdout
    assert ended.returncode == 2, told
    assert "crm-connector cannot start: MongoDB does not accept the user or the password of MONGO_URL" in told
    assert "Traceback" not in told
    assert PASSWORD not in told


@pytest.mark.parametrize("module", ["server_check.py", "wrong_server.py"])
def test_both_services_refuse_the_same_servers(module: str) -> None:
    """No service imports another one, so the same few lines are in both."""
    ours = (MONGO / "crm-connector/src/crm_connector/mongo" / module).read_text()
    theirs = (MONGO / "lead-store/src/lead_store/mongo" / module).read_text()
    assert ours == theirs.replace("lead-store", "crm-connector").replace("lead_store", "crm_connector")


def test_no_unique_index_stands_against_sharding(db: Database[dict[str, Any]]) -> None:
    """Integrations and runs are small and stay on one shard; what grows has no unique index beside `_id`."""
    unsharded = {"integrations", "runs"}
    for name in set(db.list_collection_names()) - unsharded:
        assert not [one for one in db[name].index_information().values() if one.get("unique") and "_id" not in one]
