"""What is left after a run, read straight from the database, the API and HubSpot."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
from hubspot_simulator.client import ControlClient
from pymongo import MongoClient
from webhook_gateway.providers.base import TouchKind
from webhook_gateway.providers.hubspot.touches import parse

Json = dict[str, Any]
LOOK_SECONDS = 2.0
_GONE = frozenset({TouchKind.DELETED, TouchKind.MERGED, TouchKind.ERASED})


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A delivery that was answered 200: its key by our own rules, and the records that it touches or says gone."""

    key: str
    record_ids: tuple[str, ...]
    gone: tuple[str, ...] = ()


@dataclass(slots=True)
class Deliveries:
    """Collects what was answered 200. The simulator shows its last thousand deliveries, so it is asked often."""

    hubspot: ControlClient
    acknowledged: dict[int, list[Acknowledged]] = field(default_factory=dict)
    answer_ms: list[int] = field(default_factory=list)

    def watch(self, over: threading.Event) -> None:
        """Collect until it is over."""
        while not over.wait(LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        """Collect once."""
        for delivery in self.hubspot.deliveries(limit=1_000):
            if delivery["state"] == "delivered" and delivery["id"] not in self.acknowledged:
                self.acknowledged[delivery["id"]] = list(_acknowledged(delivery["events"]))
                self.answer_ms.append(delivery["attempts"][-1]["duration_ms"])


def _acknowledged(events: list[Json]) -> Iterator[Acknowledged]:
    sent = json.dumps(events, separators=(",", ":"), ensure_ascii=False).encode()  # as HubSpot does: a key is of bytes
    for parsed in parse(sent, frozenset()):
        touches = [touch for touch in parsed.touches if touch.object_type == "contact"]
        gone = {touch.record_id for touch in touches if touch.kind in _GONE}
        yield Acknowledged(parsed.delivery_key, tuple(sorted({t.record_id for t in touches})), tuple(sorted(gone)))


@dataclass(frozen=True, slots=True)
class FinalState:
    """What both sides hold, and what the suite keeps about its work."""

    integration_id: str
    leads: dict[str, Json]  # documents of lead-store by id
    work_items: dict[str, Json]
    deliveries: dict[str, Json]
    history: dict[str, set[tuple[str, str]]]  # by lead: (field, value) that a decision names as before or after
    contacts: dict[str, Json]  # live and archived ones, with the history of their properties
    api_leads: dict[str, Json]  # as the API shows them
    calls: Json
    clock_ahead: timedelta = timedelta()  # the most that the database's clock was ahead during the run

    def link(self, lead: Json) -> Json | None:
        """A lead's link to the account, as stored."""
        links: list[Json] = lead["links"]
        return next((one for one in links if one["integration_id"] == self.integration_id), None)

    def work_item_of_record(self, record_id: str) -> Json | None:
        """The work item of a contact."""
        return self.work_items.get(f"{self.integration_id}/record/{record_id}")


def gather(
    mongo_url: str,
    database: str,
    integration_id: str,
    api: httpx.Client,
    hubspot: ControlClient,
    clock_ahead: timedelta = timedelta(),
) -> FinalState:
    """Read everything. Call it when nothing moves any more."""
    with MongoClient[Json](mongo_url, tz_aware=True, serverSelectionTimeoutMS=10_000) as client:
        store = client[database]
        history: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for decision in store["decisions"].find({}, {"lead_id": 1, "fields": 1}):
            for name, (_, before, after, _) in decision["fields"].items():
                history[decision["lead_id"]] |= {(name, before), (name, after)}
        seen = {"state": 1, "reason": 1, "recorded_at": 1}
        return FinalState(
            integration_id=integration_id,
            leads={one["_id"]: one for one in store["leads"].find()},
            work_items={one["_id"]: one for one in store["work_items"].find()},
            deliveries={one["_id"]: one for one in store["deliveries"].find({}, seen)},
            history=history,
            contacts={one["id"]: hubspot.contact(one["id"]) for one in hubspot.contacts(archived=True)},
            api_leads={lead["id"]: lead for lead in _leads(api)},
            calls=hubspot.call_log(),
            clock_ahead=clock_ahead,
        )


def _leads(api: httpx.Client) -> Iterator[Json]:
    token = ""
    while True:
        answer = api.get("/leads", params={"pageSize": "200"} | ({"pageToken": token} if token else {}))
        answer.raise_for_status()
        page = answer.json()
        yield from page["leads"]
        token = page["nextPageToken"]
        if not token:
            return


def is_covered(work_item: Json | None, since: datetime) -> bool:
    """Whether a work item has been decided since, is still due, or has failed with a reason (L10)."""
    if work_item is None:
        return False
    decided, failed = work_item.get("decided_at"), work_item.get("failed_at")
    return bool((decided and decided >= since) or work_item.get("due_at") or (failed and work_item.get("reason")))
