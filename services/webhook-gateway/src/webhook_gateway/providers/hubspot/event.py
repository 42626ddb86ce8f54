"""One of HubSpot's webhook events: what it says, as far as that can be read, and how it is shown to people. Pure.

Classic events are called `contact.creation`, generic ones `object.creation` with `objectTypeId` "0-1" (a contact). On
the wire the name is `subscriptionType`; HubSpot's table calls it `eventType`, so both are read.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from webhook_gateway.providers.base import CrmEvent, Touch, TouchKind

CONTACT_TYPE_ID = "0-1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_TIME_MS = 253_402_300_799_999  # the last millisecond of year 9999
_MAX_SOURCE = 200  # characters
_MAX_NOUN = 40  # characters
_MAX_NAME = 100  # characters
_MAX_ID = 2**63
MOST_MERGED = 1_000  # records that one merge ends; HubSpot merges a contact 250 times at most
_ID = re.compile("[0-9]{1,19}")

_CLASSIC = {
    "contact.creation": TouchKind.CREATED,
    "contact.propertyChange": TouchKind.CHANGED,
    "contact.deletion": TouchKind.DELETED,
    "contact.merge": TouchKind.MERGED,
    "contact.restore": TouchKind.RESTORED,
    "contact.privacyDeletion": TouchKind.ERASED,
}
_GENERIC = {name.replace("contact", "object"): kind for name, kind in _CLASSIC.items()}


class Event(Struct, rename="camel", frozen=True, gc=False):
    """One event as sent, as far as it has to be read to be kept.

    Every field may hold anything, so that a surprise in one field does not lose the event.
    """

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

    def name(self) -> str:
        """Name of the event; empty if it has none."""
        name = self.subscription_type
        if not name or not isinstance(name, str):
            name = self.event_type
        return name if isinstance(name, str) else ""

    def kind(self) -> TouchKind | None:
        """What happened to a contact; None for all that is not synced."""
        name = self.name()
        return _CLASSIC.get(name) or (_GENERIC.get(name) if self.object_type_id == CONTACT_TYPE_ID else None)

    def touch(self) -> Touch | None:
        """Make the touch of its one contact; None for a merge, and for what is not synced or not readable."""
        kind, record = self.kind(), number(self.object_id)
        if kind is None or kind is TouchKind.MERGED or record is None:
            return None
        return Touch("contact", record, kind, self.at_ms(), self.source())

    def about(self) -> str:
        """Id of the contact that an event is about if it touches nothing; empty if there is none. Erasures need it.

        Events that are not synced count too, and those without a name; events on other kinds of records do not.
        """
        noun = self.name().partition(".")[0]
        sides = ((self.object_id, self.object_type_id), (self.from_object_id, self.from_object_type_id))
        any_side = noun in {"", "contact"}
        found = (record for record, type_id in sides if any_side or (noun == "object" and type_id == CONTACT_TYPE_ID))
        return next(filter(_ID.fullmatch, _texts(found)), "")

    def at_ms(self) -> int | None:
        """When it happened; None if that is no time."""
        at = self.occurred_at
        return at if type(at) is int and 0 <= at <= _MAX_TIME_MS else None

    def source(self) -> str:
        """Who did it, as `changeSource:sourceId`. It is shown to people, so any text will do."""
        source, by = self.change_source, self.source_id
        if not isinstance(source, str):
            source = ""
        if isinstance(by, (str, int)) and by != "":
            source = f"{source}:{by}"
        return source[:_MAX_SOURCE]

    def losers(self) -> list[Any]:
        """The records that a merge ends, as sent. Any others are seen when the record that survives is read."""
        return self.merged_object_ids[:MOST_MERGED] if isinstance(self.merged_object_ids, list) else []

    def shown(self) -> CrmEvent:
        """Translate it for people."""
        name = self.name()
        noun = name.partition(".")[0]
        if noun == "object":
            noun = "contact" if self.object_type_id == CONTACT_TYPE_ID else f"object {self.object_type_id}"
        ids = (self.new_object_id, self.object_id, self.primary_object_id, self.from_object_id)
        at = self.at_ms()
        return CrmEvent(
            type=name[:_MAX_NAME],
            object_type=noun[:_MAX_NOUN],
            record_id=next(_texts(ids), None),
            property=None,
            value=None,
            occurred_at=None if at is None else _EPOCH + timedelta(milliseconds=at),
            source=self.source() or None,
            merged_record_ids=list(_texts(self.losers())),
            ignored=self.kind() is None,
        )


class WholeEvent(Event, rename="camel", frozen=True, gc=False):
    """One event as sent, with what is shown to people."""

    property_name: Any = None
    property_value: Any = None

    def shown(self) -> CrmEvent:
        """Translate it for people, with the property that changed."""
        shown = super().shown()
        shown.property = self.property_name if isinstance(self.property_name, str) else None
        shown.value = self.property_value if isinstance(self.property_value, str) else None
        return shown


class UsualEvent(Event, rename="camel", frozen=True, gc=False, kw_only=True):
    """One event as nearly all are. If it can be decoded as this, no part of its touch is missing or unreadable."""

    subscription_type: Literal[
        "contact.creation",
        "contact.propertyChange",
        "contact.deletion",
        "contact.restore",
        "contact.privacyDeletion",
    ]
    object_id: Annotated[int, Meta(ge=0, le=_MAX_ID - 1)]
    occurred_at: Annotated[int, Meta(ge=0, le=_MAX_TIME_MS)]
    change_source: str
    source_id: Annotated[str, Meta(min_length=1)]

    def touch(self) -> Touch:
        """Make the touch of its one contact."""
        source = f"{self.change_source}:{self.source_id}"[:_MAX_SOURCE]
        return Touch("contact", str(self.object_id), _CLASSIC[self.subscription_type], self.occurred_at, source)


def number(value: object) -> str | None:
    """Write an id as text; None for anything but a whole number."""
    if type(value) is int and 0 <= value < _MAX_ID:
        return str(value)
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def _texts(ids: Iterable[Any]) -> Iterator[str]:
    return (str(value)[:_MAX_NOUN] for value in ids if isinstance(value, (int, str)))
