"""The health of a whole lead-store: its database, its loops, its threads."""

import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from lead_store import bootstrap
from lead_store.mongo.client import connect
from lead_store.mongo.free_space import FreeSpace, of_folder, of_server
from lead_store.mongo.store import Store
from lead_store.rpc.health import HealthWatch
from lead_store.settings import Settings
from lead_store.threads import ThreadEndedError
from lead_store_calls import TIMING, LeadStore, touch
from lead_store_moves import refusal

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def settings(mongo_url: str) -> Iterator[Settings]:
    """Settings of a lead-store with a database of its own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield Settings(mongo_url=mongo_url, identity_key=b"k" * 32, database=name, port=0, timing=TIMING)
    with connect(mongo_url) as client:
        client.drop_database(name)


def _shows(health: HealthWatch, status: int) -> bool:
    """Whether the health shows this status within a minute."""
    context: Any = None  # the check uses none
    for _ in range(6000):
        if health.servicer.Check(health_pb2.HealthCheckRequest(), context).status == status:
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def watched(settings: Settings) -> Iterator[tuple[HealthWatch, dict[str, float], list[Callable[[], object]]]]:
    """The health of a real database; which loops hang, and what is asked beside the database."""
    late: dict[str, float] = {}
    asked: list[Callable[[], object]] = []
    with connect(settings.mongo_url) as client:
        store = Store.of(client, settings.database, settings.identity_key)

        def ping() -> None:
            store.processes.heartbeat()
            for ask in asked:
                ask()

        health = HealthWatch(ping, store.processes.end_predecessor, TIMING.heartbeat / 100, lambda: late, lambda: True)
        assert health.wait_for_database(threading.Event())
        thread = threading.Thread(target=health.run)
        thread.start()
        yield health, late, asked
        health.close()
        thread.join()


def test_a_loop_that_hangs_makes_the_process_not_ready(
    watched: tuple[HealthWatch, dict[str, float], list[Callable[[], object]]],
) -> None:
    """As long as it hangs and no longer, although the database answers."""
    health, late, _ = watched
    assert _shows(health, SERVING)
    late["routing"] = 130.0
    assert _shows(health, NOT_SERVING)
    late.clear()
    assert _shows(health, SERVING)


def test_an_answer_that_nobody_understands_ends_no_watching(
    watched: tuple[HealthWatch, dict[str, float], list[Callable[[], object]]],
) -> None:
    """A broken database may answer with anything: the process is not ready then, and is again afterwards."""
    health, _, asked = watched

    def fail() -> Any:
        raise ValueError("not BSON")

    asked.append(fail)
    assert _shows(health, NOT_SERVING)
    asked.clear()
    assert _shows(health, SERVING)


def test_nothing_new_is_taken_while_the_disk_is_nearly_full(settings: Settings, tmp_path: Path) -> None:
    """Deliveries, leads and leases are refused with a reason, and readiness is false; what ends work still passes."""
    full = replace(settings, least_free=sys.maxsize, database_folder=tmp_path)
    with bootstrap.run(full, threading.Event()) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        store = LeadStore(channel, settings.mongo_url, settings.database)
        health: Any = health_pb2_grpc.HealthStub(channel)
        assert health.Check(health_pb2.HealthCheckRequest(), timeout=60).status == NOT_SERVING
        new: list[Callable[[], object]] = [
            lambda: store.create(email="ada@example.com"),
            lambda: store.deliver(touch("1")),
            lambda: store.lease(wait=0),
        ]
        for call in new:
            assert refusal(call) == (grpc.StatusCode.UNAVAILABLE, "disk_full", "")
        store.lease(leaving=True)
        assert store.all_leads() == []
        assert store.database.deliveries.count_documents({}) == 0
        store.client.close()


def test_there_is_room_again_only_well_above_the_limit() -> None:
    """Space that goes up and down around the limit does not make the service go to and fro; unknown is room."""
    free: list[int | None] = [100, 99, 100, 124, 125, 100, None]
    measured = iter(free)
    space = FreeSpace(lambda: next(measured), 100)
    low = []
    for _ in free:
        space.look()
        low.append(space.low)
    assert low == [False, True, True, True, False, False, False]


def test_a_server_that_does_not_know_its_disk_counts_as_one_with_room(mongo_url: str, tmp_path: Path) -> None:
    """A real MongoDB knows it, the embedded one does not; of a folder that is away nobody knows."""
    with connect(mongo_url) as client:
        free = of_server(client["test_health"])
    assert free is None or free > 0
    assert of_folder(tmp_path)
    assert of_folder(tmp_path / "away") is None


def test_a_process_whose_router_ends_stops(settings: Settings) -> None:
    """A router that cannot run sets the event that ends the process, and the end says why."""
    stop = threading.Event()
    broken = replace(settings, timing=replace(TIMING, route_all_busy=None))  # type: ignore[arg-type]
    with pytest.raises(ThreadEndedError, match="thread router has ended"), bootstrap.run(broken, stop):
        assert stop.wait(60)


def test_a_whole_process_is_ready(settings: Settings) -> None:
    """With its database and all its loops it serves."""
    with bootstrap.run(settings, threading.Event()) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        assert stub.Check(health_pb2.HealthCheckRequest(), timeout=60).status == SERVING
