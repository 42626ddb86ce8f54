"""Histories drawn at random over the real product: whatever happens, at rest the laws hold.

The small profile is the same at every run. `make prove` draws new and longer ones for some minutes:
`LEADSYNC_PROVE_HISTORIES` says how many, `--hypothesis-seed` draws the same ones again. A failure prints the shortest
history that it could find, and the line that replays it.
"""

import os
from collections.abc import Iterator
from typing import Any, cast

import pytest
from embedded_mongo import mongo_server
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from lead_store.mongo.client import connect
from proof.machine.machine import Machine
from proof.machine.world import make_indexes
from pymongo import MongoClient

PROVE = os.environ.get("LEADSYNC_PROVE", "") not in {"", "0"}
DEEP = int(os.environ.get("LEADSYNC_PROVE_HISTORIES", "500" if PROVE else "0"))  # histories; 0 = the small profile
PROFILE = settings(
    max_examples=DEEP or 100,
    stateful_step_count=40 if DEEP else 12,
    derandomize=not DEEP,
    database=None,
    deadline=None,
    print_blob=True,
    verbosity=Verbosity.normal,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def client() -> Iterator[MongoClient[dict[str, Any]]]:
    """A database with our indexes."""
    with mongo_server() as url:
        client = connect(url)
        make_indexes(client)
        yield client
        client.close()


@pytest.mark.timeout(3 * 3600 if DEEP else 600)
def test_whatever_happens_the_laws_hold_at_rest(client: MongoClient[dict[str, Any]]) -> None:
    """L1 to L11 hold once the world has come to rest, after crashes, losses, delays and people at both ends."""
    run_state_machine_as_test(cast("type[RuleBasedStateMachine]", lambda: Machine(client)), settings=PROFILE)
