"""MongoDB for tests: the server of MONGO_URL, or an embedded one in a process of its own."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymongo
from leadsync_cli.suite import child

START_SECONDS = 60  # on a busy machine; an idle one needs about one


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class EmbeddedMongo:
    """An embedded server with data of its own. It ends with this process, however that ends. Use the main thread."""

    def __init__(self, *more: str) -> None:
        """Start it, with further options; `wait_ready` waits until it answers."""
        self._folder = tempfile.TemporaryDirectory(prefix="leadsync-mongo-")
        port, program = free_port(), Path(sys.executable).with_name("secantusd-py")
        self.url = f"mongodb://127.0.0.1:{port}/?directConnection=true"
        options = ("--host", "127.0.0.1", "--port", str(port), "--storage-path", self._folder.name)
        tied = (sys.executable, "-I", "-S", child.__file__, str(os.getpid()))
        self._process = subprocess.Popen(
            [*tied, str(program), *options, "--log-level", "ERROR", *more],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @property
    def pid(self) -> int:
        """Id of its process."""
        return self._process.pid

    def stop(self) -> None:
        """End it, and remove its data."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()


def wait_ready(url: str) -> None:
    """Wait until a server answers. Raises ServerSelectionTimeoutError if it does not."""
    client: pymongo.MongoClient[dict[str, Any]]
    with pymongo.MongoClient(url, serverSelectionTimeoutMS=START_SECONDS * 1000) as client:
        client.admin.command("ping")


@contextmanager
def mongo_server() -> Iterator[str]:
    """Give the URL of a server that answers; an embedded one is stopped at the end."""
    if url := os.environ.get("MONGO_URL"):
        yield url
        return
    server = EmbeddedMongo()
    try:
        wait_ready(server.url)
        yield server.url
    finally:
        server.stop()
