"""Webhooks while the disk of the database is nearly full."""

import sys
import threading
import uuid
from pathlib import Path

import lead_store.bootstrap
import lead_store.settings
import pymongo
import pytest
from integration.gateway.harness import body_of, event, run_gateway

pytestmark = pytest.mark.anyio


async def test_a_webhook_is_refused_while_the_disk_is_nearly_full(mongo_url: str, tmp_path: Path) -> None:
    """The CRM gets 503 with the reason each time, so that it sends the events later; the gateway is not ready."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    settings = lead_store.settings.Settings(
        mongo_url=mongo_url,
        identity_key=b"k" * 32,
        database=name,
        port=0,
        least_free=sys.maxsize,
        database_folder=tmp_path,
    )
    with lead_store.bootstrap.run(settings, threading.Event()) as port:
        async with run_gateway(LEAD_STORE_URL=f"127.0.0.1:{port}") as gateway:
            for number in range(5):
                answer = await gateway.post(body_of(event(objectId=number)))
                assert (answer.status_code, answer.json()["reason"]) == (503, "disk_full")
                assert answer.headers["retry-after"]
            assert (await gateway.http.get("/readyz")).status_code == 503
            assert (await gateway.http.get("/livez")).status_code == 200
    with pymongo.MongoClient[dict[str, object]](mongo_url) as client:
        assert client[name].deliveries.count_documents({}) == 0
        client.drop_database(name)
