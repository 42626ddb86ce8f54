"""Run the tests of what touches the database on a real MongoDB: that of MONGO_TEST_URL, or one that Docker starts.

MONGO_TEST_URL is a replica set of version 7.0 or later without access control, such as
mongodb://127.0.0.1:27217/?replicaSet=rs0; databases whose names begin with `test_` are made on it and dropped.

Exit codes: 0 all tests passed, or there is no such server here, which is said aloud; 1 a test or the start failed.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from tools.test_compose_project import find_compose

ROOT = Path(__file__).resolve().parent.parent
TESTS = ("tests/integration/lead_store", "tests/integration/connector", "tests/replica_set")
FILE, PROJECT = ROOT / "deploy" / "compose.mongo.yml", "leadsync-test-mongo"
OWN_URL = "mongodb://127.0.0.1:27217,127.0.0.1:27218,127.0.0.1:27219/?replicaSet=rs0"
PULL, UP = 180.0, 180.0  # seconds


class NotTriedError(Exception):
    """There is no real MongoDB here."""


def main() -> int:
    """Run the tests; return the exit code. Arguments are passed on to pytest."""
    try:
        with _server() as url:
            _check(url)
            command = (sys.executable, "-m", "pytest", "-n", "4", *TESTS, *sys.argv[1:])
            return subprocess.call(command, cwd=ROOT, env=os.environ | {"MONGO_URL": url})  # noqa: S603 (ourselves)
    except NotTriedError as why:
        sys.stderr.write(f"NOT TRIED: the database tests on a real MongoDB, for {why}\n")
        return 0


@contextmanager
def _server() -> Iterator[str]:
    """Give the URL of the server to use; one of our own is stopped at the end. Raises NotTriedError."""
    if url := os.environ.get("MONGO_TEST_URL"):
        yield url
        return
    compose = find_compose()
    image = os.environ.get("MONGO_IMAGE", "mongo:8")
    if not compose:
        raise NotTriedError("MONGO_TEST_URL is not set and no Docker answers")
    if not (_succeeds("docker", "image", "inspect", image) or _succeeds("docker", "pull", "--quiet", image)):
        raise NotTriedError(f"MONGO_TEST_URL is not set and the image {image} is not to be had")
    control = (*compose, "--file", str(FILE), "--project-name", PROJECT)
    try:
        subprocess.run((*control, "up", "--detach"), check=True, timeout=UP)  # noqa: S603 (docker)
        yield OWN_URL
    finally:
        subprocess.run((*control, "down", "--volumes"), check=False, timeout=UP)  # noqa: S603 (docker)


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=PULL).returncode == 0  # noqa: S603 (docker)
    except (OSError, subprocess.TimeoutExpired):
        return False


def _check(url: str) -> None:
    """Say what the server is. Raises NotTriedError if it is only a stand-in for MongoDB."""
    client: pymongo.MongoClient[dict[str, Any]]
    with pymongo.MongoClient(url, serverSelectionTimeoutMS=int(UP * 1_000)) as client:
        try:
            build, hello = client.admin.command("buildInfo"), client.admin.command("hello")
        except PyMongoError as error:
            sys.exit(f"test-mongo: no primary answers ({type(error).__name__})")
    if "secantusVersion" in build:
        raise NotTriedError(f"the server of MONGO_TEST_URL only speaks like MongoDB {build['version']}")
    sys.stdout.write(f"MongoDB {build['version']}, replica set of {len(hello.get('hosts', []))}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
