"""Reading documents that people ask for page by page: as they are needed, since a single one may have megabytes."""

from collections.abc import Iterator

from pymongo.cursor import Cursor

from lead_store.mongo.client import Document

READ_AT_ONCE = 10


def read_page(found: Cursor[Document], limit: int) -> Iterator[Document]:
    """Read at most so many documents, some at a time; whoever has enough reads no further."""
    with found.limit(limit).batch_size(READ_AT_ONCE):
        yield from found
