"""HubSpot's webhooks: a JSON array of events in, one delivery per portal out. Pure.

An event is kept, whatever it looks like: what nobody understands yet touches nothing, and nothing is dropped for who
caused it.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from webhook_gateway.model.work import ShownEvent
from webhook_gateway.providers.base import AppMismatchError, ParsedDelivery, Touch, TouchKind, UnreadableBodyError
from webhook_gateway.providers.event_array import read_events
from webhook_gateway.providers.hubspot_event import Event, UsualEvent, WholeEvent, number

MAX_EVENTS = 1000  # HubSpot sends at most 100
UNKNOWN_ACCOUNT = "unknown"  # of events that name no portal; a portal's id is a number
_decode_usual = msgspec.json.Decoder(list[UsualEvent]).decode
_decode_any = msgspec.json.Decoder(list[Event]).decode
_decode_whole = msgspec.json.Decoder(list[WholeEvent]).decode
# Within a text of JSON a quotation mark has a backslash before it, so this is a key, of an event or of what is in it.
# Literal first, backslash after: bodies are searched for it in half the time.
_ATTEMPT = re.compile(rb'"attemptNumber"(?<!\\"attemptNumber")\s*:\s*\d+')


def parse(body: bytes, app_ids: frozenset[str]) -> list[ParsedDelivery]:
    """Translate a body into one delivery per portal, in the order in which the portals appear.

    `app_ids` are the apps the signing secret speaks for; empty = any. Raises UnreadableBodyError or AppMismatchError.
    """
    events, text = read_events(body, _decode, MAX_EVENTS)
    if app_ids and not _are_of(app_ids, [event.app_id for event in events]):
        raise AppMismatchError
    named = _portals([event.portal_id for event in events])
    if named.count(named[0]) == len(named):
        return [_delivery(named[0], events, body)]
    portals: dict[str, list[int]] = {}
    for index, portal in enumerate(named):
        portals.setdefault(portal, []).append(index)
    slices = [bytes(item) for item in msgspec.json.decode(text, type=list[msgspec.Raw])]
    return [
        _delivery(
            portal,
            [events[index] for index in indexes],
            b"[" + b",".join(slices[index] for index in indexes) + b"]",
        )
        for portal, indexes in portals.items()
    ]


def show(events: bytes, most: int | None = None) -> list[ShownEvent]:
    """Translate the events of a kept delivery for people; so many of them at most."""
    decoders: tuple[Callable[[bytes], Sequence[Event]], ...] = (_decode_whole, _decode_any)
    for decode in decoders:  # without properties and values, if a value has a number too large to read
        with suppress(UnreadableBodyError):
            return [event.shown() for event in read_events(events, decode, MAX_EVENTS)[0][:most]]
    return []


def _decode(body: bytes) -> Sequence[Event]:
    """Read events as the usual ones that nearly all are, which need no other check, or else as whatever they are."""
    try:
        return _decode_usual(body)
    except msgspec.ValidationError:
        return _decode_any(body)


def _are_of(app_ids: frozenset[str], found: list[Any]) -> bool:
    return {int, str}.issuperset(map(type, found)) and app_ids.issuperset(map(str, set(found)))


def _portals(ids: list[Any]) -> list[str]:
    """The portal of each event. One that names none goes with the others if all of these are of one portal."""
    first = number(ids[0])
    if first and ids.count(ids[0]) == len(ids):  # as nearly always; what only equals a number, like True, names none
        return [first] * len(ids)
    found = [number(value) or "" for value in ids]
    if "" not in found:
        return found
    known = set(found) - {""}
    rest = known.pop() if len(known) == 1 else UNKNOWN_ACCOUNT
    return [portal or rest for portal in found]


def _delivery(portal: str, events: Sequence[Event], body: bytes) -> ParsedDelivery:
    found: list[Touch] = []
    about: list[str] = []
    ignored = odd = 0  # odd is what does not say what it should: its name, or the contact that it is of
    for event in events:
        if (touch := event.touch()) is not None:  # as nearly always
            found.append(touch)
            about.append(touch.record_id)
        elif touches := _merge_touches(event):
            found += touches
            about.append(touches[0].record_id)
        else:
            about.append(event.about())
            ignored += 1
            odd += event.kind() is not None or not event.name()
    return ParsedDelivery(
        delivery_key=_key(portal, body),
        account_id=portal,
        events=body,
        event_record_ids=tuple(about),
        touches=_latest(found),
        event_count=len(events),
        ignored_count=ignored,
        not_understood=len(events) if portal == UNKNOWN_ACCOUNT else odd,
    )


def _key(portal: str, body: bytes) -> str:
    """Hash what stays the same when HubSpot sends a request again: all bytes but `attemptNumber` and its number."""
    digest = hashlib.sha256(f"hubspot\n{portal}\n".encode())
    digest.update(_ATTEMPT.sub(b"", body))
    return digest.hexdigest()


def _merge_touches(event: Event) -> list[Touch]:
    """Every record of an event that tells of a merge: the one that survives, as changed, then the old ones as merged.

    Since January 2025 a merge makes a new record, `newObjectId`; before that, the primary one survived.
    """
    if event.kind() is not TouchKind.MERGED:
        return []
    named = (event.new_object_id, event.primary_object_id, event.object_id, *event.losers())
    ids = list(map(number, named))
    into = next((record for record in ids[:3] if record is not None), None)
    if into is None:
        return []
    at_ms, source = event.at_ms(), event.source()
    return [
        Touch("contact", record, TouchKind.CHANGED, at_ms, source)
        if record == into
        else Touch("contact", record, TouchKind.MERGED, at_ms, source, into)
        for record in dict.fromkeys(ids)
        if record is not None
    ]


def _latest(touches: list[Touch]) -> tuple[Touch, ...]:
    """Keep one touch per record and kind: the latest, and of equals the last."""
    if len({touch.record_id for touch in touches}) == len(touches):
        return tuple(touches)
    latest: dict[tuple[str, TouchKind], Touch] = {}
    for touch in touches:
        key = touch.record_id, touch.kind
        known = latest.setdefault(key, touch)
        if known is not touch and (touch.occurred_at_ms or 0) >= (known.occurred_at_ms or 0):
            latest[key] = touch
    return tuple(latest.values())
