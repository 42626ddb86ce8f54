"""Touches: contract to domain, one by one and in columns."""

from leadsync.inbox.v1 import inbox_service_pb2 as pb

from lead_store.domain.delivery import Touch, TouchKind
from lead_store.domain.errors import Invalid
from lead_store.rpc.requests import LONGEST_ID, bounded, one_line, required
from lead_store.rpc.times import milliseconds

KINDS = {
    pb.TOUCH_KIND_CREATED: TouchKind.CREATED,
    pb.TOUCH_KIND_CHANGED: TouchKind.CHANGED,
    pb.TOUCH_KIND_DELETED: TouchKind.DELETED,
    pb.TOUCH_KIND_MERGED: TouchKind.MERGED,
    pb.TOUCH_KIND_RESTORED: TouchKind.RESTORED,
    pb.TOUCH_KIND_ERASED: TouchKind.ERASED,
}
LONGEST_SOURCE = 256
UNKNOWN_KIND = "no such kind of touch"
LATEST_MS = 253_402_300_799_999  # the last millisecond of year 9999


def touches_of(message: pb.Delivery) -> tuple[Touch, ...]:
    """All touches of a delivery. Raises Invalid."""
    touches = [_from_row(f"touches[{position}]", row) for position, row in enumerate(message.touches)]
    if message.HasField("touch_columns"):
        touches += _from_columns(message.touch_columns)
    return tuple(touches)


def _from_row(path: str, row: pb.Touch) -> Touch:
    kind = KINDS.get(row.kind)
    if kind is None:
        raise Invalid(f"{path}.kind", UNKNOWN_KIND)
    at = milliseconds(row.occurred_at) if row.HasField("occurred_at") else None
    return _good(path, Touch(row.object_type, row.record_id, kind, at, row.source, row.into_record_id))


def _from_columns(columns: pb.TouchColumns) -> list[Touch]:
    types, ids, sources = list(columns.object_types), list(columns.record_ids), list(columns.sources)
    times, into = [at or None for at in columns.occurred_at_ms], list(columns.into_record_ids)
    if {len(types), len(columns.kinds), len(times), len(sources), len(into)} != {len(ids)}:
        raise Invalid("touch_columns", "not all lists are equally long")
    try:
        kinds = [KINDS[kind] for kind in columns.kinds]
    except KeyError as error:
        raise Invalid("touch_columns.kinds", UNKNOWN_KIND) from error
    touches = list(map(Touch, types, ids, kinds, times, sources, into))
    known = [at for at in times if at is not None]
    # A delivery may have hundreds, so those that are as they nearly always are are not looked at one by one.
    if not (
        all(types)
        and all(ids)
        and "\n" not in "".join(ids)
        and _longest(types) + _longest(ids) + _longest(into) <= LONGEST_ID
        and _longest(sources) <= LONGEST_SOURCE
        and min(known, default=0) >= 0
        and max(known, default=0) <= LATEST_MS
    ):
        for position, touch in enumerate(touches):
            _good(f"touch_columns[{position}]", touch)
    return touches


def _longest(texts: list[str]) -> int:
    return max(map(len, texts), default=0)


def _good(path: str, touch: Touch) -> Touch:
    """The touch, if it is right. Raises Invalid."""
    try:
        required("object_type", touch.object_type)
        one_line("record_id", required("record_id", touch.record_id))
        bounded("into_record_id", touch.into)
        bounded("source", touch.source, LONGEST_SOURCE)
    except Invalid as error:
        raise Invalid(f"{path}.{error.field}", error.detail, error.reason) from error
    if touch.occurred_at_ms is not None and not 0 <= touch.occurred_at_ms <= LATEST_MS:
        raise Invalid(f"{path}.occurred_at", "not between the years 1970 and 9999")
    return touch
