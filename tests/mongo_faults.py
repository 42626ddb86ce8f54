"""What a replica set may answer when its members change, a statement is ended or rights are missing."""

from typing import Any

from mongo_proxy import Fault

_NAMES = {
    13: "Unauthorized",
    18: "AuthenticationFailed",
    43: "CursorNotFound",
    64: "WriteConcernTimeout",
    91: "ShutdownInProgress",
    96: "OperationFailed",
    112: "WriteConflict",
    189: "PrimarySteppedDown",
    251: "NoSuchTransaction",
    262: "ExceededTimeLimit",
    286: "ChangeStreamHistoryLost",
    290: "TransactionExceededLifetimeLimitSeconds",
    10107: "NotWritablePrimary",
    10334: "BSONObjectTooLarge",
    11601: "Interrupted",
    **{code: f"Location{code}" for code in (40647, 40648, 40649)},
    11602: "InterruptedDueToReplStateChange",
}
TRANSIENT, RETRYABLE, UNKNOWN = "TransientTransactionError", "RetryableWriteError", "UnknownTransactionCommitResult"
NO_ANSWER, NO_CALL = Fault("cut after it was done", done=True), Fault("cut before it was done", done=False)


def unconfirmed(code: int) -> Fault:
    """The server has carried a write out, but no majority has confirmed it."""
    labels = {"errorLabels": [RETRYABLE]} if code != 64 else {}  # 64 is not asked for again
    error: dict[str, Any] = {"code": code, "codeName": _NAMES[code], "errmsg": "waiting for replication"}
    return Fault(f"unconfirmed, {_NAMES[code]}", done=True, reply={"writeConcernError": error, **labels})


def refused(code: int, *labels: str) -> Fault:
    """The server has done nothing and says why."""
    reply = {"ok": 0.0, "code": code, "codeName": _NAMES[code], "errmsg": _NAMES[code], "errorLabels": list(labels)}
    return Fault(f"refused, {_NAMES[code]}", done=False, reply=reply)


def failed_write(code: int) -> Fault:
    """The server has taken the statement and refuses its only document."""
    error = {"index": 0, "code": code, "errmsg": _NAMES[code]}
    return Fault(f"failed write, {_NAMES[code]}", done=False, reply={"ok": 1.0, "n": 0, "writeErrors": [error]})
