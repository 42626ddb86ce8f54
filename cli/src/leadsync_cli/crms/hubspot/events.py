"""HubSpot's webhook events, made by hand. Pure: the caller gives ids and time.

Fields and their order are those of recorded deliveries; merge, restore and privacyDeletion follow HubSpot's "Webhooks
API" guide, of which no recording is public. Generic events are those of "Create generic webhook subscriptions".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ACTIONS = ("creation", "propertyChange", "deletion", "merge", "restore", "privacyDeletion")
CONTACT_TYPE_ID = "0-1"
_FLAGS = {"creation": "CREATED", "deletion": "DELETED", "privacyDeletion": "DELETED"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Facts that all events of one request share. `at_ms` is a Unix time in milliseconds."""

    portal_id: int
    app_id: int
    at_ms: int
    source: str
    source_id: str
    generic: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """The record that events are about; None and empty values are left out of them."""

    object_id: int | None = None
    property_name: str | None = None
    value: str | None = None
    merged_ids: Sequence[int] = ()
    new_id: int | None = None


def make_event(name: str, subject: Subject, origin: Origin, event_id: int) -> dict[str, Any]:
    """Return one event, e.g. `contact.creation`. Raises ValueError, with a text for people, if a fact is missing."""
    noun, _, action = name.partition(".")
    if not noun or action not in ACTIONS:
        raise ValueError(
            f"{name} is no event; one is contact.{', contact.'.join(ACTIONS)}, or object. for generic ones"
        )
    if subject.object_id is None:
        raise ValueError(f"{name} needs --object-id, the record that it is about")
    # privacyDeletion has no generic form
    generic = noun == "object" or (origin.generic and noun == "contact" and action != "privacyDeletion")
    event: dict[str, Any] = {
        "eventId": event_id,
        "subscriptionId": 1,
        "portalId": origin.portal_id,
        "appId": origin.app_id,
        "occurredAt": origin.at_ms,
        "subscriptionType": f"object.{action}" if generic else name,
        "attemptNumber": 0,
        "objectId": subject.object_id,
    }
    event |= ({"objectTypeId": CONTACT_TYPE_ID} if generic else {}) | _facts(action, subject)
    event |= {"changeSource": origin.source} | ({"sourceId": origin.source_id} if origin.source_id else {})
    return event | ({"isSensitive": False} if generic and action == "propertyChange" else {})


def _facts(action: str, subject: Subject) -> dict[str, Any]:
    """Return the fields that only this kind of event has."""
    if action == "propertyChange":
        if not subject.property_name:
            raise ValueError("propertyChange needs --property, and --value unless the property was cleared")
        return {"propertyName": subject.property_name, "propertyValue": subject.value or ""}
    if action == "merge":
        if not subject.merged_ids:
            raise ValueError("merge needs --merged, the id of the record that is merged away")
        merge = {"primaryObjectId": subject.object_id, "mergedObjectIds": list(subject.merged_ids)}
        # since January 2025 a merge makes a new record
        return merge | ({"newObjectId": subject.new_id} if subject.new_id is not None else {})
    return {"changeFlag": _FLAGS[action]} if action in _FLAGS else {}
