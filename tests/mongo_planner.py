"""Which index MongoDB can use for a query: one whose first field the query bounds, and whose filter it implies."""

from collections.abc import Iterable, Mapping
from typing import Any

from pymongo import IndexModel

Document = Mapping[str, Any]
_BOUNDING = {"$eq", "$in", "$gt", "$gte", "$lt", "$lte", "$type"}


def has_index(query: Document, indexes: Iterable[IndexModel]) -> bool:
    """Whether some index, or that on `_id`, leads to the documents of a query; with $or, of each branch of it."""
    models = list(indexes)
    fields = {name: value for name, value in query.items() if not name.startswith("$")}
    if _bounded(fields.get("_id", {"$ne": 0})) or any(_serves(fields, model.document) for model in models):
        return True
    branches = query.get("$or", [])
    return bool(branches) and all(has_index(fields | dict(branch), models) for branch in branches)


def _serves(fields: Document, index: Document) -> bool:
    first, needed = next(iter(index["key"])), index.get("partialFilterExpression", {})
    if first not in fields or not _bounded(fields[first]):
        return False
    if index.get("sparse") and fields[first] is None:
        return False
    return all(name in fields and _implies(fields[name], condition) for name, condition in needed.items())


def _bounded(condition: Any) -> bool:
    return not _is_operators(condition) or not _BOUNDING.isdisjoint(condition)


def _implies(condition: Any, needed: Any) -> bool:
    if condition == needed:
        return True
    if not _is_operators(needed) or "$gt" not in needed:
        return False
    least = needed["$gt"]
    if not _is_operators(condition):
        return isinstance(condition, type(least)) and condition > least
    return any(
        all(isinstance(one, type(least)) and (one > least or (operator == "$gt" and one == least)) for one in values)
        for operator, values in ((o, v if o == "$in" else [v]) for o, v in condition.items())
        if operator in {"$gt", "$gte", "$eq", "$in"}
    )


def _is_operators(condition: Any) -> bool:
    return isinstance(condition, Mapping) and all(name.startswith("$") for name in condition)
