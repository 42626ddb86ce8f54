"""HubSpot's webhook events: a JSON array in, one delivery per portal out. Pure.

Classic events are called `contact.creation`, generic ones `object.creation` with `objectTypeId` "0-1" (a contact). On
the wire the name is `subscriptionType`; HubSpot's table calls it `eventType`, so both are read. Fields nobody knows
yet are let through, and nothing is dropped for who caused it: that is evidence, not a reason.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec

from webhook_gateway.model.work import ShownEvent
from webhook_gateway.providers.base import (
    AppMismatchError,
    ParsedDelivery,
    Touch,
    TouchKind,
    UnreadableBodyError,
)

MAX_EVENTS = 1000  # HubSpot sends at most 100
CONTACT_TYPE_ID = "0-1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_TIME_MS = 253_402_300_799_999  # the last millisecond of year 9999
_MAX_SOURCE = 200  # characters
_MAX_NOUN = 40  # characters

_Id = Annotated[int, msgspec.Meta(ge=0)] | Annotated[str, msgspec.Meta(pattern="^[0-9]{1,19}$")]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
_MAX_ID = 2**63
_ID = re.compile("[0-9]{1,19}")

_SUFFIXES = {
    "creation": TouchKind.CREATED,
    "propertyChange": TouchKind.CHANGED,
    "deletion": TouchKind.DELETED,
    "merge": TouchKind.MERGED,
    "restore": TouchKind.RESTORED,
    "privacyDeletion": TouchKind.ERASED,
}
_PATH = re.compile(r" - at `\$(.*)`$")
_MISSING = re.compile(r"Object missing required field `(\w+)`")


class Event(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """One event as sent. What an event that is not synced looks like is nobody's business, so most is left untyped."""

    portal_id: _Id
    subscription_type: _Name | None = None
    event_type: _Name | None = None
    object_id: Any = None
    new_object_id: Any = None
    primary_object_id: Any = None
    merged_object_ids: Any = None
    object_type_id: Any = None
    from_object_id: Any = None
    from_object_type_id: Any = None
    app_id: Any = None
    occurred_at: Any = None
    change_source: Any = None
    source_id: Any = None
    property_name: Any = None
    property_value: Any = None


def parse(body: bytes, app_ids: frozenset[str]) -> list[ParsedDelivery]:
    """Translate a body into one delivery per portal, in the order in which the portals appear.

    `app_ids` are the apps the signing secret speaks for; empty = any. Raises UnreadableBodyError or AppMismatchError.
    """
    raw = _decode(body)
    events = _convert(raw)
    if app_ids and not all(str(event.app_id) in app_ids for event in events):
        raise AppMismatchError
    touches = [_touches(index, event) for index, event in enumerate(events)]
    portals: dict[str, list[int]] = {}
    for index, event in enumerate(events):
        portals.setdefault(_record(event.portal_id, index, "portalId") or "", []).append(index)
    if len(portals) == 1:
        return [_delivery(next(iter(portals)), events, touches, raw, body)]
    slices = [bytes(item) for item in msgspec.json.decode(body, type=list[msgspec.Raw])]
    return [
        _delivery(
            portal,
            [events[index] for index in indexes],
            [touches[index] for index in indexes],
            [raw[index] for index in indexes],
            b"[" + b",".join(slices[index] for index in indexes) + b"]",
        )
        for portal, indexes in portals.items()
    ]


def show(events: bytes) -> list[ShownEvent]:
    """Translate the events of a kept delivery for people."""
    try:
        return [_shown(event) for event in msgspec.json.decode(events, type=list[Event])]
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return []


def _decode(body: bytes) -> list[dict[str, Any]]:
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise UnreadableBodyError("malformed_json", "the body is not JSON in UTF-8") from error
    if not isinstance(raw, list) or not raw or not all(isinstance(item, dict) for item in raw):
        raise UnreadableBodyError("not_an_event_array", "the body is not a JSON array of event objects")
    if len(raw) > MAX_EVENTS:
        raise UnreadableBodyError("not_an_event_array", f"the body has more than {MAX_EVENTS} events")
    return raw


def _convert(raw: list[dict[str, Any]]) -> list[Event]:
    try:
        return msgspec.convert(raw, list[Event])
    except msgspec.ValidationError as error:
        message = str(error)
        spot = _PATH.search(message)
        missing = _MISSING.match(message)
        path = (spot[1] if spot else "") + (f".{missing[1]}" if missing else "")
        raise UnreadableBodyError("invalid_event", _PATH.sub("", message), path) from error


def _delivery(
    portal: str, events: list[Event], touches: list[list[Touch]], raw: list[dict[str, Any]], body: bytes
) -> ParsedDelivery:
    return ParsedDelivery(
        delivery_key=_key(portal, raw),
        account_id=portal,
        events=body,
        event_record_ids=tuple(map(_about, events, touches)),
        touches=_merged(touch for some in touches for touch in some),
        event_count=len(events),
        ignored_count=sum(not some for some in touches),
        shown=map(_shown, events),
    )


def _key(portal: str, raw: list[dict[str, Any]]) -> str:
    """Hash what stays the same when HubSpot sends a request again: everything but `attemptNumber`."""
    for event in raw:
        event.pop("attemptNumber", None)
    digest = hashlib.sha256(f"hubspot\n{portal}\n".encode())
    digest.update(msgspec.json.encode(raw, order="deterministic"))
    return digest.hexdigest()


def _kind(event: Event) -> TouchKind | None:
    """What happened to a contact; None for all that is not synced."""
    noun, _, suffix = (event.subscription_type or event.event_type or "").partition(".")
    return _SUFFIXES.get(suffix) if _is_contact(noun, event.object_type_id) else None


def _is_contact(noun: str, type_id: object) -> bool:
    return noun == "contact" or (noun == "object" and type_id == CONTACT_TYPE_ID)


def _about(event: Event, touches: list[Touch]) -> str:
    """Name the contact that an event is about, by which an erasure finds it: of a merge the one that survives.

    Events that are not synced count too, as far as they can be understood; of other kinds of records, nothing.
    """
    if touches:
        return next(touch.record_id for touch in touches if touch.kind is not TouchKind.MERGED)
    noun = (event.subscription_type or event.event_type or "").partition(".")[0]
    kinds = ((event.object_id, event.object_type_id), (event.from_object_id, event.from_object_type_id))
    found = _texts(value for value, type_id in kinds if _is_contact(noun, type_id))
    return next(filter(_ID.fullmatch, found), "")


def _touches(index: int, event: Event) -> list[Touch]:
    """Say where an event asks to look; nothing for one that is not synced."""
    kind = _kind(event)
    if kind is None:
        if not (event.subscription_type or event.event_type):
            raise UnreadableBodyError("invalid_event", "the event has no name", f"[{index}].subscriptionType")
        return []
    if kind is TouchKind.MERGED:
        return _merge_touches(index, event)
    record = _record(event.object_id, index, "objectId")
    if record is None:
        raise UnreadableBodyError("invalid_event", "the event names no record", f"[{index}].objectId")
    return [Touch("contact", record, kind, _time(event), _source(event))]


def _merge_touches(index: int, event: Event) -> list[Touch]:
    """Every record of a merge: the old ones as merged, the one that survives as changed.

    Since January 2025 a merge makes a new record, `newObjectId`; before that, the primary one survived.
    """
    ids = [
        _record(event.new_object_id, index, "newObjectId"),
        _record(event.primary_object_id, index, "primaryObjectId"),
        _record(event.object_id, index, "objectId"),
    ]
    into = next((record for record in ids if record is not None), None)
    if into is None:
        raise UnreadableBodyError("invalid_event", "the event does not say what survives", f"[{index}].newObjectId")
    ids += [_record(value, index, f"mergedObjectIds[{at}]") for at, value in enumerate(_losers(event))]
    at_ms, source = _time(event), _source(event)
    return [
        Touch("contact", record, TouchKind.CHANGED, at_ms, source)
        if record == into
        else Touch("contact", record, TouchKind.MERGED, at_ms, source, into)
        for record in dict.fromkeys(ids)
        if record is not None
    ]


def _merged(touches: Iterator[Touch]) -> tuple[Touch, ...]:
    """Keep one touch per record and kind: the latest, and of equals the last."""
    latest: dict[tuple[str, TouchKind], Touch] = {}
    for touch in touches:
        known = latest.get((touch.record_id, touch.kind))
        if known is None or (touch.occurred_at_ms or 0) >= (known.occurred_at_ms or 0):
            latest[touch.record_id, touch.kind] = touch
    return tuple(latest.values())


def _record(value: object, index: int, name: str) -> str | None:
    """Spell a record id; None stays None. Raises UnreadableBodyError for anything but a whole number."""
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_ID:
        return str(value)
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    raise UnreadableBodyError("invalid_event", "an id is a whole number", f"[{index}].{name}")


def _time(event: Event) -> int | None:
    at = event.occurred_at
    return at if isinstance(at, int) and not isinstance(at, bool) and 0 <= at <= _MAX_TIME_MS else None


def _source(event: Event) -> str:
    """Who did it, as `changeSource:sourceId`; evidence for people, so anything that reads as text will do."""
    source = event.change_source if isinstance(event.change_source, str) else ""
    if isinstance(event.source_id, str | int) and event.source_id != "":
        source = f"{source}:{event.source_id}"
    return source[:_MAX_SOURCE]


def _shown(event: Event) -> ShownEvent:
    name = event.subscription_type or event.event_type or ""
    noun = name.partition(".")[0]
    if noun == "object":
        noun = "contact" if event.object_type_id == CONTACT_TYPE_ID else f"object {event.object_type_id}"
    ids = (event.new_object_id, event.object_id, event.primary_object_id, event.from_object_id)
    at = _time(event)
    return ShownEvent(
        type=name,
        object_type=noun[:_MAX_NOUN],
        record_id=next(_texts(ids), None),
        property=event.property_name if isinstance(event.property_name, str) else None,
        value=event.property_value if isinstance(event.property_value, str) else None,
        occurred_at=None if at is None else _EPOCH + timedelta(milliseconds=at),
        source=_source(event) or None,
        merged_record_ids=list(_texts(_losers(event))),
        ignored=_kind(event) is None,
    )


def _texts(ids: Iterable[Any]) -> Iterator[str]:
    return (str(value)[:_MAX_NOUN] for value in ids if isinstance(value, int | str))


def _losers(event: Event) -> list[Any]:
    return event.merged_object_ids if isinstance(event.merged_object_ids, list) else []
