"""Transactions: all or nothing, repeated when another one was first."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError, ServerSelectionTimeoutError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from lead_store.domain.errors import Unavailable
from lead_store.mongo.client import Document

Result = TypeVar("Result")
Session = ClientSession
TRIES = 10  # of a transaction that loses against others
COMMIT_TRIES = 3
LONGEST_STEP_BACK = 0.02  # seconds, per try that was lost
# An error inside the server, such as after a full disk; network, shutdown, no primary; a full disk.
_AWAY = frozenset({1, 6, 7, 89, 91, 189, 10107, 11600, 11602, 13435, 13436, 14031})


class Contended(Exception):  # noqa: N818 - nothing went wrong: somebody else was first
    """Another transaction changed the same documents; reading again and deciding again is right."""


def transact(
    client: MongoClient[Document],
    work: Callable[[ClientSession], Result],
    tries: int = TRIES,
    note: Callable[[ClientSession], None] = lambda _: None,
) -> Result:
    """Run `work` in a transaction, up to `tries` times. Raises Contended when every try lost against another one.

    This is the only place that repeats a transaction. `note` gets the session before anything is done in it.
    """
    with client.start_session() as session:
        note(session)
        for attempt in range(tries):
            time.sleep(random.random() * LONGEST_STEP_BACK * attempt)  # noqa: S311 - no secret: two that met must not meet again
            try:
                with session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority", j=True)):
                    result = work(session)
                    _commit(session)
            except Contended:
                continue
            except PyMongoError as error:
                if not error.has_error_label("TransientTransactionError"):
                    raise
                if isinstance(error, ConnectionFailure):
                    raise Unavailable("store_unavailable", "the database does not answer: try again") from error
            else:
                return result
    raise Contended


def _commit(session: ClientSession) -> None:
    """Commit; a commit whose answer was lost is asked for again, which MongoDB answers with what became of it."""
    for left in reversed(range(COMMIT_TRIES)):
        try:
            session.commit_transaction()
        except PyMongoError as error:
            if not (left and error.has_error_label("UnknownTransactionCommitResult")):
                raise
        else:
            return


def is_away(error: PyMongoError) -> bool:
    """Whether the database could not be reached or could not answer in time."""
    if isinstance(error, OperationFailure):
        return error.code in _AWAY
    return isinstance(error, ConnectionFailure | ServerSelectionTimeoutError)


def is_unreachable(error: Exception) -> bool:
    """Whether it is the database that failed, not what it was asked for."""
    return isinstance(error, Unavailable) or (isinstance(error, PyMongoError) and is_away(error))
