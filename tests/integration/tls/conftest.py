"""A lead-store with TLS, and channels of those who call it."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import certificates
import grpc
import pymongo
import pytest
from embedded_mongo import free_port
from lead_store import bootstrap
from lead_store.settings import Settings
from lead_store.tls import read_tls

NAMES = ("lead-store", "crm-connector", "webhook-gateway", "platform")
OF_STORE = [("grpc.ssl_target_name_override", "lead-store")]
Open = Callable[..., grpc.Channel]


@dataclass(frozen=True)
class Served:
    """A service with TLS: its port, and the folder of everybody's certificates."""

    port: int
    folder: Path
    metrics_port: int


@pytest.fixture(scope="module")
def served(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run a lead-store with TLS and a database of its own."""
    folder, database = certificates.make(tmp_path_factory.mktemp("tls"), *NAMES), f"test_{uuid.uuid4().hex[:12]}"
    files = read_tls(certificates.variables(folder, "lead-store"), "lead-store", [])
    metrics_port = free_port()
    settings = Settings(mongo_url, b"k" * 32, database, port=0, metrics_port=metrics_port, least_free=0, tls=files)
    with bootstrap.run(settings, threading.Event()) as port:
        yield Served(port, folder, metrics_port)
    client: pymongo.MongoClient[dict[str, Any]]
    with pymongo.MongoClient(mongo_url) as client:
        client.drop_database(database)


@pytest.fixture
def open_channel(served: Served) -> Iterator[Open]:
    """Open a channel to it with the certificate of a service, or of none; another folder is that of another CA."""
    with ExitStack() as stack:

        def channel(service: str, folder: Path = served.folder) -> grpc.Channel:
            home, target = folder / service, f"127.0.0.1:{served.port}"
            pair = [(home / name).read_bytes() for name in ("tls.key", "tls.crt")] if service else []
            shown = grpc.ssl_channel_credentials((served.folder / "ca.crt").read_bytes(), *pair)
            return stack.enter_context(grpc.secure_channel(target, shown, options=OF_STORE))

        yield channel
