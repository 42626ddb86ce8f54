"""The health of a whole lead-store: its database, its loops, its threads."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from lead_store import bootstrap
from lead_store.mongo.client import connect
from lead_store.mongo.store import Store
from lead_store.rpc.health import HealthWatch
from lead_store.settings import Settings
from lead_store.threads import ThreadEndedError
from lead_store_calls import TIMING

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def settings(mongo_url: str) -> Iterator[Settings]:
    """Settings of a lead-store with a database of its own."""
    name = "test_health"
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

        health = HealthWatch(ping, store.processes.end_predecessor, TIMING.heartbeat / 100, lambda: late)
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
