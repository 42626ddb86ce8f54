"""Contact search: an index that lags behind the contacts, and the rules of the search body."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hubspot_simulator.core.changes import Change
from hubspot_simulator.core.contact import Contact
from hubspot_simulator.core.contacts import ContactStore
from hubspot_simulator.core.errors import ApiError, validation
from hubspot_simulator.core.filters import matches, sort_key
from hubspot_simulator.core.records import envelope, readable

MAX_LIMIT = 200
MAX_TOTAL = 10_000
MAX_BODY = 3_000
_QUERY_IN = (
    "firstname",
    "lastname",
    "email",
    "phone",
    "hs_additional_emails",
    "fax",
    "mobilephone",
    "company",
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A contact as the index has it."""

    contact: Contact
    values: Mapping[str, str]
    modified_ms: int


class SearchIndex:
    """The search index: it gets every change `lag_ms` late (search guide: "a few moments"; 17 to 30 s recorded)."""

    def __init__(self, store: ContactStore) -> None:
        self._store = store
        self._known: dict[int, Snapshot] = {}
        self._coming: deque[tuple[int, int, Snapshot | None]] = deque()
        self._lag_ms = 0
        self.shows_present = False

    def set_lag(self, lag_ms: int) -> None:
        """Change the lag, also for changes that are not indexed yet."""
        self._lag_ms = lag_ms
        latest = self._store.clock.now_ms() + lag_ms
        self._coming = deque((min(due, latest), record_id, shot) for due, record_id, shot in self._coming)

    def load(self) -> None:
        """Index every contact of the store as it is, without lag."""
        live = [contact for contact in self._store if not contact.archived]
        self._known = {one.id: Snapshot(one, dict(one.values), one.modified_ms) for one in live}

    def note(self, change: Change) -> None:
        """Add a change, to be indexed later."""
        contact = change.contact
        due_ms = self._store.clock.now_ms() + self._lag_ms
        gone = contact.archived or change.kind in ("deletion", "privacyDeletion")
        shot = None if gone else Snapshot(contact, dict(contact.values), contact.modified_ms)
        self._coming.append((due_ms, contact.id, shot))
        for lost in (change.merge.primary_id, *change.merge.merged_ids) if change.merge else ():
            if lost != contact.id:
                self._coming.append((due_ms, lost, None))

    def search(self, body: Mapping[str, Any], portal_id: int) -> dict[str, Any]:
        """One page. `total` is the index's; a contact archived meanwhile is left out (recorded)."""
        limit, offset = _page(body)
        groups = _groups(body)
        self._catch_up()
        found = [shot for shot in self._known.values() if self._fits(shot, groups, str(body.get("query") or ""))]
        _sort(found, body.get("sorts") or [])
        names = readable(self._store.catalog, [str(name) for name in body.get("properties") or []])
        page = [shot for shot in found[offset : offset + limit] if not shot.contact.archived]
        answer: dict[str, Any] = {
            "total": len(found),
            "results": [
                envelope(one.contact, portal_id, {name: self._values(one).get(name) or None for name in names})
                for one in page
            ],
        }
        if offset + limit < len(found):
            answer["paging"] = {"next": {"after": str(offset + limit)}}
        return answer

    def _values(self, shot: Snapshot) -> Mapping[str, str]:
        return shot.contact.values if self.shows_present else shot.values

    def _catch_up(self) -> None:
        now = self._store.clock.now_ms()
        while self._coming and self._coming[0][0] <= now:
            _, record_id, shot = self._coming.popleft()
            if shot is None:
                self._known.pop(record_id, None)
            else:
                self._known[record_id] = shot

    def _fits(self, shot: Snapshot, groups: list[list[Mapping[str, Any]]], query: str) -> bool:
        if query and not any(query.lower() in shot.values.get(name, "").lower() for name in _QUERY_IN):
            return False
        catalog = self._store.catalog
        return not groups or any(all(matches(catalog, shot.values, one) for one in group) for group in groups)


def _page(body: Mapping[str, Any]) -> tuple[int, int]:
    """Limit (default 10, at most 200) and offset; paging past 10,000 is a 400 (search guide)."""
    limit = body.get("limit") or 10
    after = str(body.get("after") or "0")
    if not isinstance(limit, int) or not 0 < limit <= MAX_LIMIT:
        raise validation(f"The limit must be between 1 and {MAX_LIMIT}, but was {limit}")
    if not after.isdecimal():
        raise validation(f'Cannot deserialize value of type `int` from String "{after}": not a valid `int` value')
    if int(after) + limit > MAX_TOTAL:
        raise ApiError(400, "VALIDATION_ERROR", f"Paging past {MAX_TOTAL} results is not supported")
    return limit, int(after)


def _groups(body: Mapping[str, Any]) -> list[list[Mapping[str, Any]]]:
    """Groups are OR, filters AND; at most 5 groups of 6 filters, 18 in all (search guide)."""
    groups = [list(group.get("filters") or []) for group in body.get("filterGroups") or []]
    if body.get("filters"):
        groups.append(list(body["filters"]))
    if len(groups) > 5 or any(len(group) > 6 for group in groups) or sum(map(len, groups)) > 18:
        raise validation("Too many filters: at most 5 groups, 6 filters in a group and 18 filters in all")
    return groups


def _sort(found: list[Snapshot], sorts: list[Any]) -> None:
    """Oldest first unless one sort is given; only one is allowed (search guide)."""
    if len(sorts) > 1:
        raise validation("Only one sort is supported")
    found.sort(key=lambda shot: shot.contact.id)
    if sorts:
        rule = sorts[0] if isinstance(sorts[0], Mapping) else {"propertyName": str(sorts[0]).lstrip("-")}
        name = str(rule.get("propertyName", "hs_object_id"))
        down = rule.get("direction") == "DESCENDING" or str(sorts[0]).startswith("-")
        found.sort(key=lambda shot: sort_key(name, shot.values.get(name, "")), reverse=down)
