"""A database and an identity key that is not its own."""

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from lead_store import bootstrap
from lead_store.mongo.client import connect
from lead_store.mongo.key_check import WrongKeyError
from lead_store.settings import Settings
from lead_store_calls import TIMING

OWN, OTHER = b"o" * 44, b"x" * 44


@pytest.fixture
def settings(mongo_url: str) -> Iterator[Settings]:
    """Settings of a lead-store whose database has been used with the key OWN."""
    name = f"test_{uuid.uuid4().hex[:12]}_lead_store"
    made = Settings(mongo_url=mongo_url, identity_key=OWN, database=name, port=0, timing=TIMING)
    _start(made)
    yield made
    with connect(mongo_url) as client:
        client.drop_database(name)


def _start(settings: Settings) -> None:
    with bootstrap.run(settings, threading.Event()):
        pass


def test_another_key_is_refused_in_plain_words(settings: Settings) -> None:
    """The process ends with 2, says which key to restore, and shows neither; the own key still fits."""
    given = {
        "MONGO_URL": settings.mongo_url,
        "LEADSYNC_DATABASE_PREFIX": settings.database.removesuffix("_lead_store"),
        "LEADSYNC_IDENTITY_KEY": OTHER.decode(),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "lead_store"], env=os.environ | given, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "LEADSYNC_IDENTITY_KEY is not the key that database" in ended.stderr
    assert OTHER.decode() not in ended.stderr + ended.stdout
    _start(settings)


def test_another_key_is_used_only_when_a_person_says_so(settings: Settings) -> None:
    """From then on it is the database's own, and the former one is refused."""
    other = replace(settings, identity_key=OTHER)
    with pytest.raises(WrongKeyError):
        _start(other)
    _start(replace(other, accept_new_keys=True))
    _start(other)
    with pytest.raises(WrongKeyError):
        _start(settings)
