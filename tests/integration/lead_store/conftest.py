"""A lead-store on a real database, called through real gRPC."""

import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta

import grpc
import pytest
from lead_store import bootstrap
from lead_store.settings import Settings
from lead_store_calls import LeadStore


@pytest.fixture
def lead_store(mongo_url: str) -> Iterator[LeadStore]:
    """A running lead-store with a database of its own."""
    settings = Settings(
        mongo_url=mongo_url,
        identity_key=b"k" * 32,
        database=f"test_{uuid.uuid4().hex[:12]}",
        port=0,
        lease=timedelta(seconds=12),
    )
    with bootstrap.run(settings, threading.Event()) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        store = LeadStore(channel, mongo_url, settings.database)
        yield store
        store.drop()
