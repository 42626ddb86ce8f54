"""What errors of the database mean."""

import pytest
from lead_store.mongo.failures import described, is_away, is_of_document, traced
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)

SECRET = "ada@example.com"


def _bulk(*codes: int, unconfirmed: tuple[int, ...] = ()) -> BulkWriteError:
    failed = [{"code": code, "op": {"email": SECRET}, "errmsg": SECRET} for code in codes]
    return BulkWriteError({"writeErrors": failed, "writeConcernErrors": [{"code": code} for code in unconfirmed]})


@pytest.mark.parametrize(
    "error",
    [
        *(OperationFailure("", code) for code in (9001, 134, 50, 279, 46841, 462, 262, 11601, 290, 13, 18, 43)),
        *(AutoReconnect(), WriteConcernError("", 64), WriteConcernError("", 99)),
        *(_bulk(unconfirmed=(64,)), _bulk(unconfirmed=(11602,)), _bulk(11000, 11602), _bulk(11000, unconfirmed=(64,))),
    ],
    ids=repr,
)
def test_an_outage_is_no_fault_of_what_was_asked_for(error: PyMongoError) -> None:
    """Members that change, interrupted statements, missing majorities and rights: it may be asked for again."""
    assert is_away(error)
    assert not is_of_document(error)


@pytest.mark.parametrize("error", [OperationFailure("", 10334), OperationFailure("", 17419), _bulk(10334)], ids=repr)
def test_a_document_that_is_too_large_stays_so(error: PyMongoError) -> None:
    """It is the one that fails; the database is there."""
    assert is_of_document(error)
    assert not is_away(error)


def test_a_duplicate_is_neither() -> None:
    """What it means is for the caller to say."""
    for error in (DuplicateKeyError("", 11000), _bulk(11000)):
        assert not is_away(error)
        assert not is_of_document(error)


def test_l11_logs_say_what_happened_without_any_value() -> None:
    """The numbers and the name of an error, but never its text: a failed write names its whole document."""
    assert SECRET not in str(traced(_bulk(10334)))
    assert described(_bulk(10334)) == {"error": "BulkWriteError", "codes": [10334]}
    named = OperationFailure(SECRET, 18, {"codeName": "AuthenticationFailed", "errmsg": SECRET})
    assert described(named) == {"error": "OperationFailure", "codes": [18], "code_name": "AuthenticationFailed"}
