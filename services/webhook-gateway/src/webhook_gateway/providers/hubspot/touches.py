"""From a body of HubSpot's to one delivery per portal, with the contacts that its events touch. Pure.

Every event is kept, whatever it looks like. One that is not understood touches nothing. None is dropped because of who
caused it.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from webhook_gateway.problem import NotVerifiedError
from webhook_gateway.providers.base import ParsedDelivery, Touch, TouchKind
from webhook_gateway.providers.hubspot.body import read_events
from webhook_gateway.providers.hubspot.event import Event, UsualEvent, number

UNKNOWN_ACCOUNT = "unknown"  # of events that name no portal; a portal's id is a number
_decode_usual = msgspec.json.Decoder(list[UsualEvent]).decode
_decode_any = msgspec.json.Decoder(list[Event]).decode
# Inside a JSON text a quotation mark has a backslash before it, so this matches keys only, of an event or inside one.
# The literal comes first and the look-behind after it: so the search takes half the time.
_ATTEMPT = re.compile(rb'"attemptNumber"(?<!\\"attemptNumber")\s*:\s*\d+')


def parse(body: bytes, app_ids: frozenset[str]) -> list[ParsedDelivery]:
    """Translate a body into one delivery per portal, in the order in which the portals appear.

    `app_ids` are the apps that the signing secret speaks for; empty = any. Raises Problem 400, or NotVerifiedError.
    """
    events, text = read_events(body, _decode)
    if app_ids and not _are_of(app_ids, [event.app_id for event in events]):
        raise NotVerifiedError("app_mismatch", "an event is of another app than the signature")
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


def _decode(body: bytes) -> Sequence[Event]:
    """Read events as usual ones, which need no further check and nearly all are; otherwise as any events."""
    try:
        return _decode_usual(body)
    except msgspec.ValidationError:
        return _decode_any(body)


def _are_of(app_ids: frozenset[str], found: list[Any]) -> bool:
    return {int, str}.issuperset(map(type, found)) and app_ids.issuperset(map(str, set(found)))


def _portals(ids: list[Any]) -> list[str]:
    """The portal of each event. An event without one gets the portal of the others if these are all of one portal."""
    first = number(ids[0])
    if first and ids.count(ids[0]) == len(ids):  # as nearly always; True equals 1 and is no id
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
    ignored = not_understood = 0
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
            not_understood += event.kind() is not None or not event.name()  # a contact without an id, or no name
    return ParsedDelivery(
        delivery_key=_key(portal, body),
        account_id=portal,
        events=body,
        event_record_ids=tuple(about),
        touches=_latest(found),
        event_count=len(events),
        ignored_count=ignored,
        not_understood=len(events) if portal == UNKNOWN_ACCOUNT else not_understood,
    )


def _key(portal: str, body: bytes) -> str:
    """Hash what stays the same when HubSpot sends a request again: everything but `attemptNumber` and its value."""
    digest = hashlib.sha256(f"hubspot\n{portal}\n".encode())
    digest.update(_ATTEMPT.sub(b"", body))
    return digest.hexdigest()


def _merge_touches(event: Event) -> list[Touch]:
    """Touches of every record of a merge event: the one that survives as changed, then the others as merged.

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
