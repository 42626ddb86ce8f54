"""How many bytes a document of each collection has, and an entry of each index: measured on the documents themselves.

The size is that of the BSON before the server compresses it. An entry is as long as the BSON of its values: what a
server adds (a record's number, page headers) and saves (common beginnings) is its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import bson
from pymongo.database import Database

Document = dict[str, Any]
MOST = 5_000  # documents of a collection that are looked at


@dataclass(frozen=True, slots=True)
class IndexSize:
    """An index: entries per document, and bytes of an entry's values."""

    name: str
    entries: float
    bytes: float


@dataclass(frozen=True, slots=True)
class CollectionSize:
    """A collection: documents, bytes of each, and its indexes."""

    name: str
    documents: int
    bytes: float
    indexes: tuple[IndexSize, ...]

    @property
    def index_bytes(self) -> float:
        """Bytes of all index entries for one document."""
        return sum(one.entries * one.bytes for one in self.indexes)


def collection_size(database: Database[Document], name: str, wanted: Document | None = None) -> CollectionSize:
    """Measure a collection, or those of its documents that are wanted."""
    documents = list(database[name].find(wanted or {}).limit(MOST))
    return measured_size(
        name, documents, database[name].count_documents(wanted or {}), database[name].index_information()
    )


def measured_size(
    name: str, documents: Sequence[Document], total: int, indexes: Mapping[str, Mapping[str, Any]]
) -> CollectionSize:
    """Measure documents of a collection that has these indexes."""
    mean = sum(len(bson.encode(one)) for one in documents) / max(1, len(documents))
    found = tuple(_index(label, about, documents) for label, about in sorted(indexes.items()))
    return CollectionSize(name, total, mean, found)


def _index(name: str, about: Mapping[str, Any], documents: Sequence[Document]) -> IndexSize:
    paths = [path for path, _ in (about["key"].items() if isinstance(about["key"], Mapping) else about["key"])]
    lengths = [
        sum(_length(value) for value in entry)
        for document in documents
        if _covers(about, paths, document)
        for entry in _entries(document, paths)
    ]
    return IndexSize(name, len(lengths) / max(1, len(documents)), sum(lengths) / max(1, len(lengths)))


def _covers(about: Mapping[str, Any], paths: list[str], document: Document) -> bool:
    """Whether a sparse or partial index has an entry for a document."""
    if about.get("sparse"):
        return any(_values(document, path) != [None] for path in paths)
    conditions: Mapping[str, Any] = about.get("partialFilterExpression") or {}
    return all(any(_fits(value, wanted) for value in _values(document, path)) for path, wanted in conditions.items())


def _fits(value: object, wanted: object) -> bool:
    if not isinstance(wanted, Mapping):
        return bool(value == wanted)
    if "$type" in wanted:
        return isinstance(value, datetime)
    least: Any = wanted["$gt"]
    return isinstance(value, type(least)) and bool(value > least)


def _entries(document: Document, paths: list[str]) -> Iterator[list[object]]:
    """Give the values of each entry; at most one path leads through a list."""
    columns = [_values(document, path) for path in paths]
    for row in range(max(map(len, columns))):
        yield [column[row] if len(column) > 1 else column[0] for column in columns]


def _values(document: object, path: str) -> list[object]:
    """Give all values that a path leads to; [None] if it leads to none."""
    values = [document]
    for name in path.split("."):
        step = [one.get(name) if isinstance(one, Mapping) else None for one in values]
        values = [inner for one in step for inner in (one if isinstance(one, list) else [one])]
    return values or [None]


def _length(value: object) -> int:
    return len(bson.encode({"": value})) - len(bson.encode({})) - 2  # without the type and the empty name
