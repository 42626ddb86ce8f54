"""One connection to MongoDB, with timeouts, and the database's own clock."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from lead_store.mongo.wrong_server import readable_address

Document = dict[str, Any]
EPOCH = datetime.fromtimestamp(0, UTC)
MAJORITY_WRITES = WriteConcern("majority", j=True)
MAJORITY_READS, SNAPSHOT_READS = ReadConcern("majority"), ReadConcern("snapshot")


@readable_address
def connect(url: str, ca: Path | None = None) -> MongoClient[Document]:
    """Open a client; it connects on first use. Raises WrongServerError if the URL cannot be read.

    `ca` are the certificates that MongoDB's is checked by, if the URL wants TLS and names none.
    """
    return MongoClient(
        url,
        tz_aware=True,
        serverSelectionTimeoutMS=2_000,
        connectTimeoutMS=2_000,
        socketTimeoutMS=20_000,
        retryWrites=True,
        appname="lead-store",
        **tls_options(url, ca),
    )


def tls_options(url: str, ca: Path | None) -> dict[str, Any]:
    """Let MongoDB's certificate be checked by the CA of the services, if the URL wants TLS and names no other CA."""
    given = {name.lower(): value for name, value in parse_qsl(url.partition("?")[2])}
    wanted = given.get("tls", given.get("ssl")) == "true" and "tlscafile" not in given
    return {"tlsCAFile": str(ca)} if ca and wanted else {}


def open_database(client: MongoClient[Document], name: str) -> Database[Document]:
    """The service's database, whatever the URL says: read from the primary, all of it majority and journaled."""
    options: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
    return client.get_database(
        name,
        codec_options=options,
        read_preference=ReadPreference.PRIMARY,
        write_concern=MAJORITY_WRITES,
        read_concern=MAJORITY_READS,
    )


def server_now(database: Database[Document]) -> datetime:
    """The database's clock, which alone decides leases."""
    now: datetime = database.command("hello")["localTime"]
    return now if now.tzinfo else now.replace(tzinfo=UTC)


def from_now(span: timedelta) -> Document:
    """The moment so long after now by the database's clock. Not every server adds to a date as it is."""
    return {"$toDate": {"$add": [{"$toLong": "$$NOW"}, milliseconds(span)]}}


def milliseconds(span: timedelta) -> int:
    """A time span as MongoDB adds it to dates."""
    return int(span.total_seconds() * 1000)
