"""The connection to MongoDB, its errors as ours, and our types as documents: a field is a field."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from crm_connector.domain.errors import StoreUnavailableError
from crm_connector.mongo.wrong_server import readable_address


@readable_address
def connect(url: str, ca: Path | None = None) -> MongoClient[dict[str, Any]]:
    """Open a client: every operation ends within five seconds. Raises WrongServerError if the URL cannot be read.

    `ca` are the certificates that MongoDB's is checked by, if the URL wants TLS and names none.
    """
    return MongoClient(
        url,
        tz_aware=True,
        appname="crm-connector",
        timeoutMS=5_000,
        serverSelectionTimeoutMS=5_000,
        connectTimeoutMS=3_000,
        maxPoolSize=50,
        retryWrites=True,
        **tls_options(url, ca),
    )


def open_database(client: MongoClient[dict[str, Any]], name: str) -> Database[dict[str, Any]]:
    """The service's database, whatever the URL says: read from the primary, all of it majority and journaled."""
    return client.get_database(
        name,
        read_preference=ReadPreference.PRIMARY,
        read_concern=ReadConcern("majority"),
        write_concern=WriteConcern("majority", j=True),
    )


def tls_options(url: str, ca: Path | None) -> dict[str, Any]:
    """Let MongoDB's certificate be checked by the CA of the services, if the URL wants TLS and names no other CA."""
    given = {name.lower(): value for name, value in parse_qsl(url.partition("?")[2])}
    wanted = given.get("tls", given.get("ssl")) == "true" and "tlscafile" not in given
    return {"tlsCAFile": str(ca)} if ca and wanted else {}


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turn whatever MongoDB raises into StoreUnavailableError; its text may hold values, so it is not kept."""
    try:
        yield
    except PyMongoError as error:
        raise StoreUnavailableError("store_unavailable", "MongoDB did not answer as it should.") from error


def described(error: BaseException | None) -> dict[str, Any]:
    """What a log may say of an error of MongoDB: its type, and the number and name of it, but never its text."""
    known: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, OperationFailure):
        known |= {"code": error.code, "code_name": (error.details or {}).get("codeName", "")}
    return known


def plain(value: Any) -> dict[str, Any]:
    """Turn one of our dataclasses into dictionaries and lists; enums become their values."""
    document: dict[str, Any] = msgspec.to_builtins(value, builtin_types=(datetime,))
    return document
