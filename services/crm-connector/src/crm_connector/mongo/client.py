"""The connection to MongoDB, its errors as ours, and our types as documents: a field is a field."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from crm_connector.domain.errors import StoreUnavailableError


def connect(url: str) -> MongoClient[dict[str, Any]]:
    """Open a client: every operation ends within five seconds, every write is on a majority's disk."""
    return MongoClient(
        url,
        tz_aware=True,
        appname="crm-connector",
        timeoutMS=5_000,
        serverSelectionTimeoutMS=5_000,
        connectTimeoutMS=3_000,
        maxPoolSize=50,
        w="majority",
        journal=True,
    )


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turn whatever MongoDB raises into StoreUnavailableError; its text may hold values, so it is not kept."""
    try:
        yield
    except PyMongoError as error:
        raise StoreUnavailableError("store_unavailable", "MongoDB did not answer as it should.") from error


def plain(value: Any) -> dict[str, Any]:
    """Turn one of our dataclasses into dictionaries and lists; enums become their values."""
    document: dict[str, Any] = msgspec.to_builtins(value, builtin_types=(datetime,))
    return document
