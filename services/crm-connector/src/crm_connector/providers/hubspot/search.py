"""The pages of a sweep, by search, and of an import or of the archive, by listing.

A search finds what has changed, but lags behind. Its offsets are not used for paging: a record that is modified
meanwhile moves to the end and lets another one slip through, and HubSpot ends at 10,000. Each page starts at the last
modification of the page before instead. When more records than fit on a page were modified in one millisecond, as after
a bulk edit, the records of that millisecond are paged through by record id.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm_connector.crm import Page, RemovedPage
from crm_connector.domain.observation import ArchivedRecord
from crm_connector.providers.hubspot.client import HubSpotClient
from crm_connector.providers.hubspot.contacts import ContactReader
from crm_connector.providers.hubspot.wire import SearchAnswer

PAGE_SIZE = 100
_MODIFIED, _ID = "lastmodifieddate", "hs_object_id"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page starts: at a time in milliseconds, or within that millisecond after a record id."""

    since_ms: int
    after_id: str | None = None


def search_page(reader: ContactReader, since: datetime, position: object | None, deadline: float) -> Page:
    """Read one page of the records modified at or after `since`."""
    start = position if isinstance(position, Position) else Position(_milliseconds(since))
    client = reader.client
    path, body = client.paths.contacts("search"), _query(reader, start)
    found = client.call("POST", path, json=body, send_by=deadline, search=True).as_(SearchAnswer)
    records = tuple(reader.present(contact) for contact in found.results if not contact.archived)
    more = found.paging is not None and found.paging.next is not None and bool(records)
    last = (_milliseconds(records[-1].modified_at), records[-1].record_id) if records else (0, "")
    return Page(records, _next(start, last, more=more))


def list_page(reader: ContactReader, position: str, deadline: float) -> Page:
    """List one page of all contacts, by id; the position is the `after` of the page before."""
    params = {"limit": str(PAGE_SIZE), "properties": ",".join(reader.property_names)}
    params |= {"after": position} if position else {}
    client = reader.client
    found = client.call("GET", client.paths.contacts(), params=params, send_by=deadline).as_(SearchAnswer)
    records = tuple(reader.present(contact) for contact in found.results if not contact.archived)
    return Page(records, found.paging.next.after if found.paging and found.paging.next else None)


def archive_page(client: HubSpotClient, since: datetime, position: str, deadline: float) -> RemovedPage:
    """List one page of the archive, by id: the contacts that were archived since then, as far as HubSpot says when."""
    params = {"archived": "true", "limit": str(PAGE_SIZE), "properties": _ID}
    params |= {"after": position} if position else {}
    found = client.call("GET", client.paths.contacts(), params=params, send_by=deadline).as_(SearchAnswer)
    archived = (ArchivedRecord(contact.id, contact.archived_at) for contact in found.results if contact.archived)
    records = tuple(one for one in archived if one.modified_at is None or one.modified_at >= since)
    return RemovedPage(records, found.paging.next.after if found.paging and found.paging.next else "")


def count(client: HubSpotClient) -> int:
    """Ask how many contacts there are; the index of the search lags behind."""
    body = {"filterGroups": [], "limit": 1}
    return client.call("POST", client.paths.contacts("search"), json=body, search=True).as_(SearchAnswer).total


def _next(start: Position, last: tuple[int, str], *, more: bool) -> Position | None:
    """Give the start of the next page."""
    if start.after_id is not None:
        return Position(start.since_ms, last[1]) if more else Position(start.since_ms + 1)
    if not more:
        return None
    return Position(last[0]) if last[0] > start.since_ms else Position(start.since_ms, "0")


def _query(reader: ContactReader, start: Position) -> dict[str, Any]:
    since = str(start.since_ms)
    filters = [{"propertyName": _MODIFIED, "operator": "GTE", "value": since}]
    if start.after_id is not None:
        filters += [
            {"propertyName": _MODIFIED, "operator": "LTE", "value": since},
            {"propertyName": _ID, "operator": "GT", "value": start.after_id},
        ]
    return {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": _MODIFIED if start.after_id is None else _ID, "direction": "ASCENDING"}],
        "properties": reader.property_names,
        "limit": PAGE_SIZE,
    }


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
