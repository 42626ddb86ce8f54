"""Data of version 0.1.0. This version cannot read it, since collections and fields had other names."""

from pymongo.database import Database

from lead_store.mongo.client import Document

FORMER_COLLECTION = "lanes"  # 0.1.0 made it at its first start


class OldDataError(Exception):
    """The database holds data that this version would misunderstand."""

    def __init__(self, database: str) -> None:
        super().__init__(
            f"lead-store cannot start: database `{database}` holds data of leadsync 0.1.0, which this version cannot "
            "read. Use an empty database (another LEADSYNC_DATA_DIR or MONGO_URL), or go on with 0.1.0. "
            "docs/decisions/0019-contracts-for-several-crms.md lists the names that a migration has to change."
        )


def refuse_old_data(database: Database[Document]) -> None:
    """Raise OldDataError if there is such data."""
    if FORMER_COLLECTION in database.list_collection_names():
        raise OldDataError(database.name)
