"""How a contact looks in an answer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hubspot_simulator.core.clock import iso
from hubspot_simulator.core.contact import Contact
from hubspot_simulator.core.properties import Catalog

DEFAULT_PROPERTIES = ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname")
ALWAYS = ("createdate", "hs_object_id", "lastmodifieddate")


def record(
    contact: Contact,
    portal_id: int,
    catalog: Catalog,
    properties: Sequence[str] = (),
    history: Sequence[str] = (),
) -> dict[str, Any]:
    """A read: default properties or those asked for; unset ones null, unknown names left out."""
    shown = {name: contact.value(name) for name in readable(catalog, properties)}
    body = envelope(contact, portal_id, shown)
    if history:
        names = [name for name in dict.fromkeys(name.lower() for name in history) if catalog.find(name)]
        body["propertiesWithHistory"] = {name: contact.history(name) for name in names}
    return body


def written(contact: Contact, portal_id: int, names: Iterable[str], trace_id: str | None = None) -> dict[str, Any]:
    """The answer to an update: the written values (cleared ones as "") and the times; not the full record."""
    shown: dict[str, str | None] = {name: contact.values.get(name, "") for name in sorted({*names, *ALWAYS})}
    return traced(envelope(contact, portal_id, shown), trace_id)


def created(contact: Contact, portal_id: int, trace_id: str | None = None) -> dict[str, Any]:
    """The answer to a create: the written values and those that HubSpot computed."""
    shown: dict[str, str | None] = {name: value for name, value in sorted(contact.values.items()) if value != ""}
    return traced(envelope(contact, portal_id, shown), trace_id)


def envelope(contact: Contact, portal_id: int, properties: Mapping[str, str | None]) -> dict[str, Any]:
    """The record around a set of properties."""
    body: dict[str, Any] = {
        "id": str(contact.id),
        "properties": dict(properties),
        "createdAt": iso(contact.created_ms),
        "updatedAt": iso(contact.modified_ms),
        "archived": contact.archived,
        "url": f"https://app.hubspot.com/contacts/{portal_id}/record/0-1/{contact.id}",
    }
    if contact.archived_ms is not None:
        body["archivedAt"] = iso(contact.archived_ms)
    return body


def readable(catalog: Catalog, properties: Sequence[str]) -> list[str]:
    """The names to answer for the names asked for."""
    if not properties:
        return list(DEFAULT_PROPERTIES)
    asked = dict.fromkeys([*(name.strip().lower() for name in properties), *ALWAYS])
    return sorted(name for name in asked if catalog.find(name) is not None)


def traced(body: dict[str, Any], trace_id: str | None) -> dict[str, Any]:
    """Repeat the caller's objectWriteTraceId, if there was one."""
    return body if trace_id is None else body | {"objectWriteTraceId": trace_id}
