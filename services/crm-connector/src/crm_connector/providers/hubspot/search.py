"""The pages of a sweep, by search, and of an import or of the archive, by listing.

A search finds what has changed, but lags behind. Its offsets are not used for paging: a record that is modified
meanwhile moves to the end and lets another one slip through, and HubSpot ends at 10,000. Each page starts at the last
modification of the page before instead. Records are paged through by record id where that says nothing:

- More records than fit on a page were modified in one millisecond, as after a bulk edit.
- The last record was modified a moment ago. It may stand where the index knew it from an earlier modification and show
  the present one, so that others come between the two. Whatever is modified from then on keeps its id.

A page may be empty and not the last one: the index still knows records that are archived by now. Only then does the
next page start at an offset.

A page is asked for with the values of its records. If HubSpot fails on that, or the names of the mapped properties make
the request too long for it, the page only lists the records, and these are read in parts: so neither one bad record nor
a large mapping stops a page.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from crm_connector.crm import Page, RemovedPage
from crm_connector.domain.errors import CrmUncertainError
from crm_connector.domain.observation import ArchivedRecord
from crm_connector.providers.hubspot.client import HubSpotClient, unreadable
from crm_connector.providers.hubspot.contacts import SLOW, ContactReader
from crm_connector.providers.hubspot.facts import modified_of
from crm_connector.providers.hubspot.wire import SearchAnswer, contacts_of, id_of

PAGE_SIZE = 100
# Characters that the body of a search may have (HubSpot's guide to search), and that a query takes of a URL: common
# servers and proxies take URLs of 8,000.
_MOST_OF_SEARCH, _MOST_OF_URL = 3_000, 7_500
_MOST_RESULTS = 10_000  # that a search gives, also by offset
_MODIFIED, _ID = "lastmodifieddate", "hs_object_id"
# What was modified longer ago is in the index as it is: that lags behind by a minute at most, and our clock may be five
# minutes ahead.
_SETTLED = timedelta(minutes=6)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page starts: among the records modified at or after a time in milliseconds, in the order of that time.

    With `after_id` in the order of their ids, after this one; `until_ms` is the last time then. The first `skip` of
    them are left out.
    """

    since_ms: int
    after_id: str | None = None
    until_ms: int | None = None
    skip: int = 0


def search_page(reader: ContactReader, since: datetime, position: object | None, deadline: float) -> Page:
    """Read one page of the records modified at or after `since`.

    Raises:
        CrmUncertainError: if the index is too far behind for paging.

    """
    start = position if isinstance(position, Position) else Position(_milliseconds(since))
    client = reader.client

    def ask(names: Sequence[str]) -> SearchAnswer:
        path, body = client.paths.contacts("search"), _query(names, start)
        return client.call("POST", path, json=body, send_by=deadline, search=True).as_(SearchAnswer)

    fits = len(json.dumps(_query(reader.property_names, start))) <= _MOST_OF_SEARCH
    found, page = _page(reader, ask, deadline, fits=fits)
    settled = page.until is not None and page.until < client.budget.now() - _SETTLED
    after = _next(start, found, _milliseconds(page.until) if page.until and settled else None)
    in_order = start.after_id is None and (settled or after is None)
    return replace(page, next_position=after, until=page.until if in_order else None)


def list_page(reader: ContactReader, position: str, deadline: float) -> Page:
    """List one page of all contacts, by id; the position is the `after` of the page before."""
    client, params = reader.client, {"limit": str(PAGE_SIZE)} | ({"after": position} if position else {})

    def ask(names: Sequence[str]) -> SearchAnswer:
        query = params | {"properties": ",".join(names)}
        return client.call("GET", client.paths.contacts(), params=query, send_by=deadline).as_(SearchAnswer)

    fits = len(urlencode(params | {"properties": ",".join(reader.property_names)})) <= _MOST_OF_URL
    found, page = _page(reader, ask, deadline, fits=fits)
    return replace(page, next_position=_after(found, position) or None)


def _page(
    reader: ContactReader, ask: Callable[[Sequence[str]], SearchAnswer], deadline: float, *, fits: bool
) -> tuple[SearchAnswer, Page]:
    """Read one page: the answer that lists it, and its records.

    `ask` asks for a page with these properties. `fits` = all mapped ones have room in the request.
    """
    budget = reader.client.budget
    if fits and budget.most_reads >= PAGE_SIZE:  # else HubSpot was too slow for so many
        try:
            found = reader.client.unhidden(lambda: ask(reader.property_names), reader.mapping.fields)
            records, unread = reader.listed(found.results)
            return found, Page(tuple(records), None, tuple(unread), _until(found))
        except CrmUncertainError as error:
            budget.note_read(PAGE_SIZE, slow=error.reason in SLOW)
    found = ask((_MODIFIED,))
    records, unread = reader.read_listed(found.results, deadline)
    return found, Page(tuple(records), None, tuple(unread), _until(found))


def _until(found: SearchAnswer) -> datetime | None:
    """Give when the last record of a page was modified, by the page itself, for a later reading may be newer.

    Raises:
        CrmUncertainError: if no record of the page says so.

    """
    contacts, _ = contacts_of(found.results)
    times = [at for contact in contacts if (at := modified_of(contact)) is not None]
    if found.results and not times:
        raise unreadable()
    return times[-1] if times else None


def archive_page(client: HubSpotClient, since: datetime, position: str, deadline: float) -> RemovedPage:
    """List one page of the archive, by id: the contacts that were archived since then, as far as HubSpot says when."""
    params = {"archived": "true", "limit": str(PAGE_SIZE), "properties": _ID}
    params |= {"after": position} if position else {}
    found = client.call("GET", client.paths.contacts(), params=params, send_by=deadline).as_(SearchAnswer)
    contacts, bad = contacts_of(found.results)
    archived = [ArchivedRecord(contact.id, contact.archived_at) for contact in contacts if contact.archived]
    archived += [ArchivedRecord(record_id) for record_id in bad if record_id]  # each is read again under its lease
    records = tuple(one for one in archived if one.modified_at is None or one.modified_at >= since)
    return RemovedPage(records, _after(found, position))


def count(client: HubSpotClient) -> int:
    """Ask how many contacts there are; the index of the search lags behind."""
    body = {"filterGroups": [], "limit": 1}
    return client.call("POST", client.paths.contacts("search"), json=body, search=True).as_(SearchAnswer).total or 0


def _after(found: SearchAnswer, position: str = "") -> str:
    """Give where the next page begins; empty = this is the last one.

    Raises:
        CrmUncertainError: if it begins where this one did, so that the pages would never end.

    """
    after = str(found.paging.next.after) if found.paging and found.paging.next else ""
    if after and after == position:
        raise unreadable()
    return after


def _next(start: Position, found: SearchAnswer, until_ms: int | None) -> Position | None:
    """Give the start of the next page. `until_ms` = when the last record was modified, if the index knows it so."""
    if not (after := _after(found)):
        return None if start.until_ms is None else Position(start.until_ms + 1)
    if not found.results:
        if not after.isdecimal() or not start.skip < int(after) <= _MOST_RESULTS - PAGE_SIZE:
            raise unreadable()
        return replace(start, skip=int(after))
    if start.after_id is not None:
        return replace(start, after_id=_last_id(found, start.after_id), skip=0)
    if until_ms is None:
        return Position(start.since_ms, "0")
    return Position(until_ms) if until_ms > start.since_ms else Position(start.since_ms, "0", start.since_ms)


def _last_id(found: SearchAnswer, after_id: str) -> str:
    """Give the id of the last record of a page in the order of ids, which has to be behind the page before."""
    last_id = id_of(found.results[-1])
    if not last_id.isdecimal() or int(last_id) <= int(after_id):
        raise unreadable()
    return last_id


def _query(names: Sequence[str], start: Position) -> dict[str, Any]:
    since = str(start.since_ms)
    filters = [{"propertyName": _MODIFIED, "operator": "GTE", "value": since}]
    if start.until_ms is not None:
        filters.append({"propertyName": _MODIFIED, "operator": "LTE", "value": str(start.until_ms)})
    if start.after_id is not None:
        filters.append({"propertyName": _ID, "operator": "GT", "value": start.after_id})
    return {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": _MODIFIED if start.after_id is None else _ID, "direction": "ASCENDING"}],
        "properties": list(names),
        "limit": PAGE_SIZE,
        "after": str(start.skip),
    }


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
