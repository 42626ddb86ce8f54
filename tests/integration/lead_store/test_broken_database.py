"""A database that lives but fails at everything, as the embedded one does after a full disk."""

import resource
import threading
import uuid
from typing import Any

import grpc
from embedded_mongo import EmbeddedMongo, wait_ready
from grpc_health.v1 import health_pb2, health_pb2_grpc
from lead_store import bootstrap
from lead_store.settings import Settings
from lead_store_calls import TIMING, LeadStore, eventually, touch
from lead_store_moves import refusal


def test_a_broken_database_is_told_as_away() -> None:
    """Callers get UNAVAILABLE, which they try again, instead of INTERNAL; and the process is not ready."""
    database = EmbeddedMongo()  # of our own: it is broken afterwards
    try:
        wait_ready(database.url)
        name = f"test_{uuid.uuid4().hex[:12]}"
        settings = Settings(mongo_url=database.url, identity_key=b"k" * 32, database=name, port=0, timing=TIMING)
        with bootstrap.run(settings, threading.Event()) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            store = LeadStore(channel, settings.mongo_url, name)
            resource.prlimit(database.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
            eventually(lambda: _fails(store))
            for call in (lambda: store.create(email="ada@example.com"), lambda: store.deliver(touch("1"))):
                assert refusal(call)[:2] == (grpc.StatusCode.UNAVAILABLE, "store_unavailable")
            health: Any = health_pb2_grpc.HealthStub(channel)
            not_serving = health_pb2.HealthCheckResponse.NOT_SERVING
            request = health_pb2.HealthCheckRequest()
            eventually(lambda: health.Check(request, timeout=60).status == not_serving)
            store.client.close()
    finally:
        database.stop()


def _fails(store: LeadStore) -> bool:
    """Write something; whether it has failed. The database notices at the first write that goes to the disk."""
    try:
        store.create(company="x" * 10_000, last_name="Lovelace")
    except grpc.RpcError:
        return True
    return False
