"""The collection `keys`: proof of the identity key that a database was made with, so that no other is used on it."""

import hashlib
import hmac

import structlog
from pymongo.database import Database

from lead_store.mongo.client import Document
from lead_store.mongo.single_writes import limited

_ID = "identity"
log = structlog.get_logger()


class WrongKeyError(Exception):
    """The identity key is not that of the database."""

    def __init__(self, database: str) -> None:
        super().__init__(
            f"lead-store cannot start: LEADSYNC_IDENTITY_KEY is not the key that database `{database}` was made with. "
            "With another key, people whose data was erased would not be recognised and could come back. "
            "Restore the former key (`leadsync up` keeps it in the file identity-key). If it is lost for good, "
            "LEADSYNC_ACCEPT_NEW_KEYS=1 starts with this one all the same."
        )


@limited
def check_key(database: Database[Document], key: bytes, *, accept_new: bool = False) -> None:
    """Raise WrongKeyError if the database has been used with another key; with `accept_new`, change to this one.

    A database without a proof, a new one or one of an earlier version, gets that of this key.
    """
    check = hmac.new(key, b"leadsync: proof of the identity key", hashlib.sha256).hexdigest()
    keys = database["keys"]
    keys.update_one({"_id": _ID}, {"$setOnInsert": {"check": check}}, upsert=True)
    kept = (keys.find_one({"_id": _ID}) or {}).get("check", "")
    if hmac.compare_digest(kept, check):
        return
    if not accept_new:
        raise WrongKeyError(database.name)
    log.warning("The identity key was changed: people erased before are known by their records only")
    keys.update_one({"_id": _ID}, {"$set": {"check": check}})
