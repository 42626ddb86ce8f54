"""Histories drawn at random over the real product: whatever happens, at rest the laws hold.

Few and short ones are the same at every run. `make prove` draws new and longer ones. A failure prints the shortest
history that it could find, and the seed that draws it again.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from lead_store.mongo.client import connect
from proof import limits
from proof.machine.acts import CreateLead, CreateRecord, Deliver, EditRecord, Merge, OnLead, Route, Work
from proof.machine.audit import findings
from proof.machine.config import TENANTS, Config
from proof.machine.machine import Machine
from proof.machine.quiet import come_to_rest
from proof.machine.world import World, drop_databases, make_indexes
from pymongo import MongoClient
from structlog.testing import capture_logs

PARTS = 1 if limits.SECONDS else 10 if limits.PROVE else 4 if limits.FULL else 1
HISTORIES = 50 if limits.PROVE else 25  # in each part
AT_ONCE = 5  # histories between two looks at the time
MOST = 35  # histories, also where time is left: so a fast machine plays none that others do not
STEPS = 40 if limits.PROVE else 12


@pytest.fixture(scope="module")
def client(mongo_url: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """A database with our indexes."""
    with connect(mongo_url) as client:
        make_indexes(client)
        yield client
        drop_databases(client)


def play(client: MongoClient[dict[str, Any]], number: int, histories: int) -> None:
    """Draw so many histories; the same number draws the same ones. AssertionError if one breaks a law."""
    print(f"seed {number}")
    profile = settings(
        max_examples=histories,
        stateful_step_count=STEPS,
        database=None,
        deadline=None,
        print_blob=True,
        verbosity=Verbosity.normal,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    machine = type("Machine", (Machine,), {"client": staticmethod(lambda: client)})
    run_state_machine_as_test(seed(number)(machine), settings=profile)


def test_l4_what_is_cleared_after_a_merge_shows_what_the_lead_has(client: MongoClient[dict[str, Any]]) -> None:
    """A contact is edited, merged and cleared before any of it is read: with `keep` the lead's value fills it again."""
    with capture_logs() as log:
        world = World(client, Config(), log)
        CreateRecord(0, first_name=2, email=2, phone=2).do(world)
        come_to_rest(world)
        EditRecord(0, 0, "first_name", 1).do(world)
        CreateRecord(0, first_name=0, email=0, phone=1).do(world)
        Merge(0, primary=0, other=1).do(world)
        EditRecord(0, 0, "first_name", 0).do(world)
        come_to_rest(world)
        (lead,) = world.leads(TENANTS[0])
        assert lead.values["first_name"] == TENANTS[0].values["first_name"][2]
        assert list(findings(world)) == []


def test_l4_a_lead_takes_over_the_record_of_a_deleted_lead_at_once(
    client: MongoClient[dict[str, Any]],
) -> None:
    """Two linked records are merged, then the lead that kept the link is deleted: the other lead takes it at once."""
    with capture_logs() as log:
        world = World(client, Config(merge_new_id=False), log)
        CreateLead(0, first_name=2, email=0, phone=0).do(world)
        CreateRecord(0, first_name=0, email=1, phone=0).do(world)
        come_to_rest(world)
        Merge(0, primary=1, other=0).do(world)
        for act in (Deliver(100), Route(), Work(1), Work(0), OnLead("delete", 0, 0)):
            act.do(world)
        come_to_rest(world)
        assert list(findings(world)) == []


@pytest.mark.timeout(limits.TIMEOUT)
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_happens_the_laws_hold_at_rest(client: MongoClient[dict[str, Any]], part: int) -> None:
    """L1 to L11 hold once the world has come to rest, after crashes, losses, delays and people at both ends."""
    if not limits.SECONDS:
        play(client, limits.SEED + part, HISTORIES)
        return
    for number in range(limits.SEED, limits.SEED + MOST // AT_ONCE):
        if not limits.time_is_left():
            print(f"{(number - limits.SEED) * AT_ONCE} histories of {STEPS} steps")
            return
        play(client, number, AT_ONCE)
