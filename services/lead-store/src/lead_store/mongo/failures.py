"""What an error of the database means: it is away, or a document cannot be stored. No text of it is ever shown."""

from typing import Any

from bson.errors import BSONError
from pymongo.errors import BulkWriteError, ConnectionFailure, OperationFailure, PyMongoError, WriteConcernError

from lead_store.domain.errors import Unavailable

# The document itself: too large, also after an update or an upsert; or it has a name of a field that is not allowed.
_OF_DOCUMENTS = frozenset({10334, 17419, 17420, 52, 56, 57, 121})
# It ends by itself or by what an operator does, and says nothing about what was asked for.
_AWAY = frozenset(
    {
        *(6, 7, 89, 9001),  # host unreachable or not found, network timeout, socket exception
        *(10058, 10107, 13435, 13436, 189, 11602),  # no primary any more, or not yet
        *(91, 11600, 11601, 279, 46841),  # shut down, interrupted, client disconnected, client killed
        *(50, 262, 290, 24, 202),  # took too long: a statement, a transaction, a lock, a call between members
        *(64, 79, 100, 134, 133, 246),  # no majority, or no reading that a majority has
        *(43, 237, 175, 234),  # a cursor or a plan was killed, a change stream has to be opened again
        *(112, 225, 251),  # another write or transaction was first, or the transaction is gone
        *(13, 18, 391),  # the user may not do this, or its password has changed
        *(462,),  # the server takes no more calls at the moment
        *(63, 150, 13388),  # shards have moved
        *(1, 14031),  # an error inside the server, such as after a full disk; a full disk
    }
)
_PASSES = ("TransientTransactionError", "UnknownTransactionCommitResult", "RetryableWriteError", "RetryableError")


def is_away(error: PyMongoError) -> bool:
    """Whether the database could not be reached, or could not do now what may be asked for again.

    A write that a majority has not confirmed counts as not done, whatever the reason.
    """
    if isinstance(error, ConnectionFailure | WriteConcernError) or _details(error).get("writeConcernErrors"):
        return True
    return any(map(error.has_error_label, _PASSES)) or not _AWAY.isdisjoint(codes(error))


def is_unreachable(error: Exception) -> bool:
    """Whether it is the database that failed, not what it was asked for."""
    return isinstance(error, Unavailable) or (isinstance(error, PyMongoError) and is_away(error))


def is_of_document(error: Exception) -> bool:
    """Whether a document cannot be stored, now or later. An error that is not the database's is one of our own code."""
    return not isinstance(error, PyMongoError) or not _OF_DOCUMENTS.isdisjoint(codes(error))


def codes(error: PyMongoError) -> set[int]:
    """The numbers of an error, for many writes at once those of each."""
    details = _details(error)
    each = [one for kind in ("writeErrors", "writeConcernErrors") for one in details.get(kind, [])]
    found = {one["code"] for one in each if "code" in one}
    if isinstance(error, OperationFailure) and error.code is not None and not isinstance(error, BulkWriteError):
        found.add(error.code)
    return found


def described(error: Exception) -> dict[str, Any]:
    """What a log may say of an error: its text may hold values of people."""
    known: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, PyMongoError):
        known |= {"codes": sorted(codes(error))} if codes(error) else {}
        known |= {"code_name": name} if (name := _details(error).get("codeName")) else {}
    return known


def traced(error: Exception) -> dict[str, Any]:
    """The same, and the way to an error that is one of our own code."""
    of_database = isinstance(error, PyMongoError | BSONError)
    return described(error) | ({} if of_database else {"exc_info": error})


def _details(error: PyMongoError) -> dict[str, Any]:
    details: dict[str, Any] | None = getattr(error, "details", None)
    return details if isinstance(details, dict) else {}
