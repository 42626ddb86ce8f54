"""Which version the data of a database has, and the way from an earlier one to this program's."""

from collections.abc import Callable, Mapping
from functools import partial

import structlog
from pymongo.database import Database

from lead_store.mongo import from_0_1_0
from lead_store.mongo.client import Document
from lead_store.mongo.requests import note_requests
from lead_store.mongo.single_writes import limited
from lead_store.mongo.work_keys import add_work_keys

Step = Callable[[Database[Document], Callable[[int, int], None]], None]

# Version → what makes data of the version before into it. A step may be repeated, also after it broke off half-way, and
# several processes may do it at the same time. It reports how much of how much is done.
STEPS: Mapping[int, Step] = {2: from_0_1_0.migrate, 3: note_requests, 4: add_work_keys, 5: add_work_keys}
PRESENT = max(STEPS)
log = structlog.get_logger()


class NewerDataError(Exception):
    """The database holds data that this version would misunderstand."""

    def __init__(self, database: str, version: int, *, running: bool = False) -> None:
        does, was = ("ends", "has been upgraded") if running else ("cannot start", "was written")
        super().__init__(
            f"lead-store {does}: database `{database}` {was} by a newer leadsync (data version {version}; "
            f"this one knows versions up to {PRESENT}). Start the newer leadsync, or restore a backup from before it."
        )


def upgrade(database: Database[Document], steps: Mapping[int, Step] = STEPS) -> None:
    """Bring the data to the present version, one version after the other, and note it. Nothing may use it meanwhile.

    If a process of an earlier version has worked on it since an upgrade, the steps are taken again. Raises
    NewerDataError if the data is newer; then nothing is changed.
    """
    version, present = _version(database), max(steps)
    refuse_newer(database, present)
    for following in range(version + 1, present + 1):
        log.info("Upgrading the data", to_version=following)
        steps[following](database, partial(_report, following))
        _note(database, following)
        log.info("Upgraded the data", to_version=following)
    if version == present:
        _note(database, present)


def note_writer(database: Database[Document], process: Document) -> None:
    """Note that a process has worked on the data which knows an earlier version only, before its document goes."""
    if _known_to(process) < PRESENT:
        earliest = {"$min": {"written_by": _known_to(process)}}
        database["data_version"].update_one({"_id": "data"}, earliest)


def refuse_newer(database: Database[Document], present: int = PRESENT, *, running: bool = False) -> None:
    """Raise NewerDataError if the data is newer than this program knows; `running` = it has worked on it so far."""
    version = _noted(database)
    if version > present:
        raise NewerDataError(database.name, version, running=running)


def _noted(database: Database[Document]) -> int:
    """The version that was noted; 0 if none was."""
    noted = database["data_version"].find_one({"_id": "data"})
    return int(noted["version"]) if noted is not None else 0


def _version(database: Database[Document]) -> int:
    """The version after which all steps have to be taken."""
    noted, names = database["data_version"].find_one({"_id": "data"}), database.list_collection_names()
    if from_0_1_0.FORMER_COLLECTION in names:
        return 1  # also if it was upgraded: a process of that version has made the collection again
    if noted is None:
        return 2 if "leads" in names else PRESENT  # up to version 2 it was not noted
    processes = database["processes"].find({}, {"version": 1})
    return min(int(noted["version"]), int(noted.get("written_by", PRESENT)), *map(_known_to, processes))


def _known_to(process: Document) -> int:
    """The version that a process knows, by its document. Up to version 4 it was not noted."""
    return int(process.get("version", 2))


def _report(version: int, done: int, of: int) -> None:
    log.info("Upgrading the data", to_version=version, done=done, of=of)


@limited
def _note(database: Database[Document], version: int) -> None:
    database["data_version"].update_one(
        {"_id": "data"}, {"$max": {"version": version}, "$unset": {"written_by": ""}}, upsert=True
    )
