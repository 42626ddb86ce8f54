"""Changing many documents of a transaction with few statements: one for all that change in the same way.

What each document gets of its own is looked up by its id, in the update that the server carries out.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bson import encode
from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from lead_store.mongo.client import Document

LARGEST_STATEMENT = 4 * 1024 * 1024  # bytes of documents


class Change(NamedTuple):
    """What to do with one document: a guard that has to match, values to set, and values that only this one gets."""

    id: str
    guard: Document
    values: Document
    own: Document


class Replacement(NamedTuple):
    """A document's new state, and the tenant and revision that it has to have until then."""

    tenant_id: str
    revision: int
    document: Document


def change_together(
    collection: Collection[Document], changes: Iterable[Change], session: ClientSession, *after: Document
) -> int:
    """Set values of documents; answers how many matched their guards. Those that change alike take one statement.

    `after` = further stages of each update.
    """
    groups: dict[bytes, list[Change]] = {}
    for change in changes:
        alike = encode({"guard": change.guard, "values": change.values, "own": list(change.own)})
        groups.setdefault(alike, []).append(change)
    return sum(_change_alike(collection, group, session, after) for group in groups.values())


def replace_together(
    collection: Collection[Document], replacements: Sequence[Replacement], session: ClientSession
) -> int:
    """Replace documents, in this order; answers how many had the revision and the tenant that they should have."""
    replaced, waiting = 0, list(replacements)
    while waiting:
        group, waiting = _first_group(waiting)
        replaced += _replace(collection, group, session)
    return replaced


def _change_alike(
    collection: Collection[Document], group: list[Change], session: ClientSession, after: Sequence[Document]
) -> int:
    ids = [change.id for change in group]
    own = [{"$replaceWith": {"$mergeObjects": ["$$ROOT", _own(ids, [one.own for one in group])]}}]
    query = {"_id": {"$in": ids}, **group[0].guard}
    update = [*(own if group[0].own else ()), {"$set": group[0].values}, *after]
    return collection.update_many(query, update, session=session).matched_count


def _first_group(waiting: list[Replacement]) -> tuple[list[tuple[Replacement, bytes]], list[Replacement]]:
    """The first replacements that fit in a statement: of one tenant, of different documents, and not too large."""
    group: list[tuple[Replacement, bytes]] = []
    ids, size = set[str](), 0
    for position, one in enumerate(waiting):
        encoded = encode(one.document)
        size += len(encoded)
        fits = not group or (size <= LARGEST_STATEMENT and one.tenant_id == group[0][0].tenant_id)
        if not fits or one.document["_id"] in ids:
            return group, waiting[position:]
        group.append((one, encoded))
        ids.add(one.document["_id"])
    return group, []


def _replace(
    collection: Collection[Document], group: Sequence[tuple[Replacement, bytes]], session: ClientSession
) -> int:
    if len(group) == 1:
        ((one, _),) = group
        guard = {"_id": one.document["_id"], "tenant_id": one.tenant_id, "revision": one.revision}
        return collection.replace_one(guard, one.document, session=session).matched_count
    ids = [one.document["_id"] for one, _ in group]
    as_read = {"$eq": ["$revision", _own(ids, [one.revision for one, _ in group])]}
    documents = _own(ids, [RawBSONDocument(encoded) for _, encoded in group])
    update = [{"$replaceWith": {"$cond": [as_read, documents, "$$ROOT"]}}]
    query = {"_id": {"$in": ids}, "tenant_id": group[0][0].tenant_id}
    return collection.update_many(query, update, session=session).modified_count


def _own(ids: list[str], values: Sequence[Any]) -> Document:
    """The value that belongs to the document's id."""
    if len(ids) == 1:
        return {"$literal": values[0]}
    return {"$arrayElemAt": [{"$literal": values}, {"$indexOfArray": [{"$literal": ids}, "$_id"]}]}
