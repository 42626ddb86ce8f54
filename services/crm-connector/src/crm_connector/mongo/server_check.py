"""Whether MONGO_URL leads to a server that leadsync can work with. If not, what is wrong and what to do.

A server that is away or not ready yet is waited for. One that would never do is refused, in words that show neither the
password nor the whole address.
"""

import socket
from typing import Any

import pymongo
from pymongo import MongoClient
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError, ServerSelectionTimeoutError
from pymongo.uri_parser import parse_uri

from crm_connector.mongo.wrong_server import WrongServerError

Document = dict[str, Any]
LEAST_WIRE_VERSION, LEAST_VERSION = 21, "7.0"
ANSWER_SECONDS, PROBE_SECONDS = 2.0, 1.0
WRONG_CREDENTIALS, NO_RIGHTS, OTHER_INDEXES = {18, 8000}, {13}, {85, 86}  # 8000: any refusal by Atlas
MOST_PROBED = 3  # members


def refusal(error: BaseException | None, database: str) -> WrongServerError | None:
    """What to say of an error that waiting does not end; None if it may end by itself."""
    code = error.code if isinstance(error, OperationFailure) else None
    if code in WRONG_CREDENTIALS:
        return WrongServerError(
            "MongoDB does not accept the user or the password of MONGO_URL. Correct them; a user that was made in "
            "another database needs authSource=<that database> in the URL."
        )
    if code in NO_RIGHTS:
        return WrongServerError(
            f"the user of MONGO_URL may not use database `{database}`, or the URL names no user. Give it one, and "
            f"the role readWrite on `{database}`."
        )
    if code in OTHER_INDEXES:
        return WrongServerError(
            f"database `{database}` has an index that differs from the one of this version under the same name. "
            "Drop that index; it is made again at the next start."
        )
    return None


def check_server(client: MongoClient[Document], url: str) -> None:
    """Raise WrongServerError if the server will never do; an error of the driver if it does not answer yet."""
    try:
        with pymongo.timeout(ANSWER_SECONDS):
            hello = client.admin.command("hello")
    except ConfigurationError:
        raise _too_old() from None
    except ServerSelectionTimeoutError:
        _explain(client, url)
        raise
    _check(hello, "")


def _check(hello: Document, wanted_set: str) -> None:
    if hello.get("maxWireVersion", 0) < LEAST_WIRE_VERSION:
        raise _too_old()
    name = hello.get("setName", "")
    if not (name or hello.get("isreplicaset") or hello.get("msg") == "isdbgrid"):
        raise WrongServerError(
            "the server of MONGO_URL is a standalone MongoDB, and transactions need a replica set. Start it with "
            "--replSet rs0, run rs.initiate() once in mongosh, and write ?replicaSet=rs0 in MONGO_URL."
        )
    if name and wanted_set and name != wanted_set:
        raise WrongServerError(
            f"the server of MONGO_URL belongs to the replica set `{name}`, not to the one that the URL names. Write "
            f"?replicaSet={name} in MONGO_URL."
        )


def _too_old() -> WrongServerError:
    return WrongServerError(f"the server of MONGO_URL is too old: MongoDB {LEAST_VERSION} or later is needed.")


def _explain(client: MongoClient[Document], url: str) -> None:
    """Ask members one by one, with and without TLS, why no server could be chosen."""
    parsed = parse_uri(url, warn=False)
    with_tls, wanted_set = bool(parsed["options"].get("tls")), parsed["options"].get("replicaSet", "")
    for address in parsed["nodelist"][:MOST_PROBED]:
        if not _listens(address):
            continue
        if (hello := _hello(address, tls=with_tls)) is not None:
            _check(hello, wanted_set)
            if with_tls and "CERTIFICATE_VERIFY_FAILED" in _errors(client):
                raise WrongServerError(
                    "the certificate of MongoDB is not trusted, or not made for the host in MONGO_URL. Name the CA "
                    "that signed it: LEADSYNC_TLS_CA, or tlsCAFile=<file> in MONGO_URL."
                )
        elif _hello(address, tls=not with_tls) is not None:
            raise WrongServerError(
                "MONGO_URL has tls=true, but the server speaks no TLS. Start it with TLS, or take tls out of the URL."
                if with_tls
                else "the server of MONGO_URL wants TLS. Write tls=true in it, with tlsCAFile=<file> for an own CA."
            )


def _errors(client: MongoClient[Document]) -> str:
    return " ".join(str(one.error) for one in client.topology_description.server_descriptions().values())


def _listens(address: tuple[str, int | None]) -> bool:
    try:
        with socket.create_connection((address[0], address[1] or 27017), PROBE_SECONDS):
            return True
    except OSError:
        return False


def _hello(address: tuple[str, int | None], *, tls: bool) -> Document | None:
    """What one member says of itself; None if it does not answer like this. Nothing secret is sent."""
    options: dict[str, Any] = {"tls": True, "tlsInsecure": True} if tls else {}
    client: MongoClient[Document]
    with MongoClient(
        *address, directConnection=True, serverSelectionTimeoutMS=int(PROBE_SECONDS * 1_000), **options
    ) as client:
        try:
            return client.admin.command("hello")
        except PyMongoError:
            return None
