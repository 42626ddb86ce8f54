"""A MongoDB for tests: the server of MONGO_URL, or an embedded one that lives as long as the test session."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymongo


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def mongo_server() -> Iterator[str]:
    """Give the URL of a server; an embedded one is stopped at the end."""
    if url := os.environ.get("MONGO_URL"):
        yield url
        return
    port, program = free_port(), Path(sys.executable).parent / "secantusd-py"
    url = f"mongodb://127.0.0.1:{port}/?directConnection=true"
    with tempfile.TemporaryDirectory(prefix="leadsync-mongo-") as folder:
        command = [
            str(program),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--storage-path",
            folder,
            "--log-level",
            "ERROR",
        ]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(url, serverSelectionTimeoutMS=20_000)
            client.admin.command("ping")
            client.close()
            yield url
        finally:
            server.terminate()
            server.wait(10)
