"""HubSpot's webhook events: a JSON array in, one delivery per portal out. Pure.

Classic events are called `contact.creation`, generic ones `object.creation` with `objectTypeId` "0-1" (a contact). On
the wire the name is `subscriptionType`; HubSpot's table calls it `eventType`, so both are read. An event is kept,
whatever it looks like: what nobody understands yet touches nothing, and nothing is dropped for who caused it.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from webhook_gateway.model.work import ShownEvent
from webhook_gateway.providers.base import (
    AppMismatchError,
    ParsedDelivery,
    Touch,
    TouchKind,
    UnreadableBodyError,
)
from webhook_gateway.providers.event_array import read_events

MAX_EVENTS = 1000  # HubSpot sends at most 100
UNKNOWN_ACCOUNT = "unknown"  # of events that name no portal; a portal's id is a number
CONTACT_TYPE_ID = "0-1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_TIME_MS = 253_402_300_799_999  # the last millisecond of year 9999
_MAX_SOURCE = 200  # characters
_MAX_NOUN = 40  # characters
_MAX_NAME = 100  # characters
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


class Event(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """One event as sent. Nothing is certain about it, so that no surprise costs the event."""

    portal_id: Any = None
    subscription_type: Any = None
    event_type: Any = None
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
    raw, text = read_events(body, MAX_EVENTS)
    events = msgspec.convert(raw, list[Event])
    if app_ids and not all(isinstance(e.app_id, int | str) and str(e.app_id) in app_ids for e in events):
        raise AppMismatchError
    named = _portals(events)
    if named.count(named[0]) == len(named):
        return [_delivery(named[0], events, raw, body)]
    portals: dict[str, list[int]] = {}
    for index, portal in enumerate(named):
        portals.setdefault(portal, []).append(index)
    slices = [bytes(item) for item in msgspec.json.decode(text, type=list[msgspec.Raw])]
    return [
        _delivery(
            portal,
            [events[index] for index in indexes],
            [raw[index] for index in indexes],
            b"[" + b",".join(slices[index] for index in indexes) + b"]",
        )
        for portal, indexes in portals.items()
    ]


def show(events: bytes) -> list[ShownEvent]:
    """Translate the events of a kept delivery for people."""
    try:
        return [_shown(event) for event in msgspec.convert(read_events(events, MAX_EVENTS)[0], list[Event])]
    except UnreadableBodyError:
        return []


def _portals(events: list[Event]) -> list[str]:
    """The portal of each event. One that names none goes with the others if all of these are of one portal."""
    found = [_record(event.portal_id) or "" for event in events]
    if "" not in found:
        return found
    known = set(found) - {""}
    rest = known.pop() if len(known) == 1 else UNKNOWN_ACCOUNT
    return [portal or rest for portal in found]


def _delivery(portal: str, events: list[Event], raw: list[dict[str, Any]], body: bytes) -> ParsedDelivery:
    kinds = list(map(_kind, events))
    touches = list(map(_touches, events, kinds))
    return ParsedDelivery(
        delivery_key=_key(portal, raw),
        account_id=portal,
        events=body,
        event_record_ids=tuple(map(_about, events, touches)),
        touches=_merged(touch for some in touches for touch in some),
        event_count=len(events),
        ignored_count=touches.count([]),
        not_understood=_not_understood(portal, events, kinds, touches),
        shown=map(_shown, events),
    )


def _key(portal: str, raw: list[dict[str, Any]]) -> str:
    """Hash what stays the same when HubSpot sends a request again: everything but `attemptNumber`."""
    for event in raw:
        event.pop("attemptNumber", None)
    digest = hashlib.sha256(f"hubspot\n{portal}\n".encode())
    digest.update(msgspec.json.encode(raw, order="deterministic"))
    return digest.hexdigest()


def _name(event: Event) -> str:
    """What an event is called; empty if it has no name."""
    for name in (event.subscription_type, event.event_type):
        if isinstance(name, str) and name:
            return name[:_MAX_NAME]
    return ""


def _kind(event: Event) -> TouchKind | None:
    """What happened to a contact; None for all that is not synced."""
    noun, _, suffix = _name(event).partition(".")
    return _SUFFIXES.get(suffix) if _is_contact(noun, event.object_type_id) else None


def _not_understood(portal: str, events: list[Event], kinds: list[TouchKind | None], touches: list[list[Touch]]) -> int:
    """How many events do not say what they should: their portal, their name, or the contact that they are of."""
    if portal == UNKNOWN_ACCOUNT:
        return len(events)
    return sum(
        not some and (kind is not None or not _name(event))
        for event, kind, some in zip(events, kinds, touches, strict=True)
    )


def _is_contact(noun: str, type_id: object) -> bool:
    return noun == "contact" or (noun == "object" and type_id == CONTACT_TYPE_ID)


def _about(event: Event, touches: list[Touch]) -> str:
    """Name the contact that an event is about, by which an erasure finds it: of a merge the one that survives.

    Events that are not synced count too, and those without a name; of other kinds of records, nothing.
    """
    if touches:
        return next(touch.record_id for touch in touches if touch.kind is not TouchKind.MERGED)
    noun = _name(event).partition(".")[0]
    kinds = ((event.object_id, event.object_type_id), (event.from_object_id, event.from_object_type_id))
    found = _texts(value for value, type_id in kinds if not noun or _is_contact(noun, type_id))
    return next(filter(_ID.fullmatch, found), "")


def _touches(event: Event, kind: TouchKind | None) -> list[Touch]:
    """Say where an event asks to look; nothing for one that is not synced, or not understood."""
    if kind is None:
        return []
    if kind is TouchKind.MERGED:
        return _merge_touches(event)
    record = _record(event.object_id)
    return [] if record is None else [Touch("contact", record, kind, _time(event), _source(event))]


def _merge_touches(event: Event) -> list[Touch]:
    """Every record of a merge: the old ones as merged, the one that survives as changed.

    Since January 2025 a merge makes a new record, `newObjectId`; before that, the primary one survived.
    """
    named = (event.new_object_id, event.primary_object_id, event.object_id, *_losers(event))
    ids = list(map(_record, named))
    into = next((record for record in ids[:3] if record is not None), None)
    if into is None:
        return []
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


def _record(value: object) -> str | None:
    """Spell an id; None for anything but a whole number."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_ID:
        return str(value)
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


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
    name = _name(event)
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
