"""Touches: contract to domain, one by one and in columns."""

from collections.abc import Iterable

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
    for position, touch in enumerate(touches):
        object_type, record_id, _, at, source, into = touch
        # Looked at here before they are looked at one by one: a delivery may have hundreds.
        short = len(object_type) + len(record_id) + len(into) <= LONGEST_ID and len(source) <= LONGEST_SOURCE
        whole = object_type and record_id and "\n" not in record_id
        if not (whole and short and (at is None or 0 <= at <= LATEST_MS)):
            _check(_path(message, position), touch)
    return tuple(touches)


def _from_columns(columns: pb.TouchColumns) -> Iterable[Touch]:
    types, ids, sources, into = columns.object_types, columns.record_ids, columns.sources, columns.into_record_ids
    times = [at or None for at in columns.occurred_at_ms]
    if {len(types), len(columns.kinds), len(times), len(sources), len(into)} != {len(ids)}:
        raise Invalid("touch_columns", "not all lists are equally long")
    try:
        kinds = [KINDS[kind] for kind in columns.kinds]
    except KeyError as error:
        raise Invalid("touch_columns.kinds", UNKNOWN_KIND) from error
    return map(Touch, types, ids, kinds, times, sources, into)


def _from_row(path: str, row: pb.Touch) -> Touch:
    kind = KINDS.get(row.kind)
    if kind is None:
        raise Invalid(f"{path}.kind", UNKNOWN_KIND)
    at = milliseconds(row.occurred_at) if row.HasField("occurred_at") else None
    return Touch(row.object_type, row.record_id, kind, at, row.source, row.into_record_id)


def _path(message: pb.Delivery, position: int) -> str:
    """Where in the request a touch is."""
    rows = len(message.touches)
    return f"touches[{position}]" if position < rows else f"touch_columns[{position - rows}]"


def _check(path: str, touch: Touch) -> None:
    required(f"{path}.object_type", touch.object_type)
    one_line(f"{path}.record_id", required(f"{path}.record_id", touch.record_id))
    bounded(f"{path}.into_record_id", touch.into)
    bounded(f"{path}.source", touch.source, LONGEST_SOURCE)
    if touch.occurred_at_ms is not None and not 0 <= touch.occurred_at_ms <= LATEST_MS:
        raise Invalid(f"{path}.occurred_at", "not between the years 1970 and 9999")
