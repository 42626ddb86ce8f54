"""Which version the data of a database has, and the way from an earlier one to this program's."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from pymongo.database import Database

from crm_connector.mongo.client import mapped_errors

_Database = Database[dict[str, Any]]
_log = structlog.get_logger()


class NewerDataError(Exception):
    """The database holds data that this version would misunderstand."""

    def __init__(self, database: str, version: int, *, running: bool = False) -> None:
        does, was = ("ends", "has been upgraded") if running else ("cannot start", "was written")
        super().__init__(
            f"crm-connector {does}: database `{database}` {was} by a newer leadsync (data version {version}; this one "
            f"knows versions up to {PRESENT}). Start the newer leadsync, or restore a backup from before it."
        )


def upgrade(db: _Database) -> None:
    """Bring the data to the present version, one version after the other, and note it. Repeatable.

    Raises:
        NewerDataError: if the data is newer; then nothing is changed.
        StoreUnavailableError: when MongoDB does not answer.

    """
    version = refuse_newer(db) or 1  # 0.1.0 did not note it; its steps change nothing of later data
    with mapped_errors():
        for following in range(version + 1, PRESENT + 1):
            changed = _STEPS[following](db)
            db.data_version.update_one({"_id": "data"}, {"$set": {"version": following}}, upsert=True)
            _log.info("data_upgraded", to_version=following, changed=changed)


def refuse_newer(db: _Database, *, running: bool = False) -> int:
    """Raise NewerDataError if the data is newer than this program knows, else give its version; 0 if it has none.

    `running` = the program has worked on it so far. StoreUnavailableError when MongoDB does not answer.
    """
    with mapped_errors():
        noted = db.data_version.find_one({"_id": "data"})
    version = int(noted["version"]) if noted else 0
    if version > PRESENT:
        raise NewerDataError(db.name, version, running=running)
    return version


def _from_0_1_0(db: _Database) -> int:
    """Rename how far the pass over removed records is. Policies are read as they are, and replaced one by one."""
    former = {"bin": {"$exists": True}, "removed": {"$exists": False}}
    return db.cursors.update_many(former, {"$rename": {"bin": "removed"}}).modified_count


# Version → what makes data of the version before into it. A step may be repeated, also after it broke off half-way.
_STEPS: Mapping[int, Callable[[_Database], int]] = {2: _from_0_1_0}
PRESENT = max(_STEPS)
