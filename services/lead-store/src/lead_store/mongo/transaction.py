"""Transactions: all or nothing, repeated when another one was first or the server has changed."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import ConnectionFailure, NetworkTimeout, PyMongoError, ServerSelectionTimeoutError
from pymongo.read_preferences import ReadPreference

from lead_store.domain.errors import Unavailable
from lead_store.mongo.client import MAJORITY_WRITES, SNAPSHOT_READS, Document

Result = TypeVar("Result")
Session = ClientSession
TRIES = 10  # of a transaction that loses against others
RECONNECTS = 2  # of one whose connection breaks, or whose server is the primary no more
COMMIT_SECONDS = 20.0  # for which the result of a commit is asked for: longer than an election
LONGEST_STEP_BACK = 0.02  # seconds, per try that was lost
PAUSE = 0.1  # seconds before the same is asked of a server again that has just failed


class Contended(Exception):  # noqa: N818 - nothing went wrong: somebody else was first
    """Another transaction changed the same documents; reading again and deciding again is right."""


def transact(
    client: MongoClient[Document],
    work: Callable[[ClientSession], Result],
    tries: int = TRIES,
    note: Callable[[ClientSession], None] = lambda _: None,
) -> Result:
    """Run `work` in a transaction, up to `tries` times. Raises Contended when every try lost against another one.

    This is the only place that repeats a transaction. `note` gets the session before anything is done in it. Raises
    Unavailable if the database does not answer; then nothing of it has happened.
    """
    lost = reconnects = 0
    with client.start_session() as session:
        note(session)
        while lost < tries:
            time.sleep(random.random() * LONGEST_STEP_BACK * lost)  # noqa: S311 - no secret: two that met must not meet again
            try:
                with session.start_transaction(SNAPSHOT_READS, MAJORITY_WRITES, ReadPreference.PRIMARY):
                    result = work(session)
                    _commit(session)
            except Contended:
                lost += 1
            except PyMongoError as error:
                if not error.has_error_label("TransientTransactionError"):
                    raise
                if not isinstance(error, ConnectionFailure):
                    lost += 1
                    continue
                # A server that did not answer in time would keep the caller waiting once more.
                if reconnects == RECONNECTS or isinstance(error, ServerSelectionTimeoutError | NetworkTimeout):
                    raise Unavailable("store_unavailable", "the database does not answer: try again") from error
                reconnects += 1
                time.sleep(PAUSE)
            else:
                return result
    raise Contended


def _commit(session: ClientSession) -> None:
    """Commit; a commit whose answer was lost is asked for again, which MongoDB answers with what became of it."""
    deadline = time.monotonic() + COMMIT_SECONDS
    while True:
        try:
            session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label("UnknownTransactionCommitResult") or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
        else:
            return
