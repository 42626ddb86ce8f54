"""A database of version 0.1.0."""

import os
import subprocess
import sys
import uuid
from typing import Any

import pymongo


def test_data_of_the_first_version_is_refused_in_plain_words(mongo_url: str) -> None:
    """The service does not start on what it would misunderstand. It says why, and that trying again does not help."""
    prefix = f"test_{uuid.uuid4().hex[:12]}"
    name = f"{prefix}_lead_store"
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(mongo_url)
    with client:
        client[name].lanes.create_index("due_at")
        given = {"MONGO_URL": mongo_url, "LEADSYNC_DATABASE_PREFIX": prefix, "LEADSYNC_IDENTITY_KEY": "k" * 44}
        try:
            command = [sys.executable, "-m", "lead_store"]
            ended = subprocess.run(
                command, env={**os.environ, **given}, capture_output=True, text=True, timeout=60, check=False
            )
            assert ended.returncode == 2
            assert "holds data of leadsync 0.1.0, which this version cannot read" in ended.stderr
            assert client[name].list_collection_names() == ["lanes"]
        finally:
            client.drop_database(name)
