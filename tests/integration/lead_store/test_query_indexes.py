"""Every query of lead-store has an index by MongoDB's own rules; the embedded server's plans follow others."""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import json_util
from lead_store.domain.delivery import Delivery, DeliveryQuery, Touch, TouchKind
from lead_store.domain.rules import Account, Direction, Target
from lead_store.domain.work_item import WorkItemTouch
from lead_store.mongo.client import connect
from lead_store.mongo.indexes import INDEXES, ensure_indexes
from lead_store.mongo.quarantine import QuarantinedRequests
from lead_store.mongo.requests import note_requests
from lead_store.mongo.store import Store
from lead_store.mongo.work_item_updates import Claim
from lead_store.mongo.work_keys import add_work_keys
from mongo_planner import has_index
from mongo_proxy import MongoProxy

MINUTE = timedelta(seconds=60)
T, INT, NOW, HUB = "tenant", "integration", datetime.now(UTC), Account("hubspot", "1")
CLAIM = Claim("w", "t", NOW, MINUTE)
TARGET = Target(INT, T, *HUB, Direction.BIDIRECTIONAL)
DELIVERY = Delivery("d", *HUB, b"[]", {}, (Touch("contact", "1", TouchKind.CHANGED),), 1, 0, NOW)
# Read whole on purpose, each with its reason.
WHOLE = {
    "targets": "one small document per integration",
    "processes": "one document per process",
    "erasures": "each goes as soon as it is finished",
    "quarantine": "capped; counted for people only",
}
INSERTED_ONLY = {"sign_in_codes"}  # nobody looks for them: a second insert fails
FOR_UPGRADES: list[dict[str, Any]] = [{"request_id": {"$gt": ""}}, {}]  # once, at the first start of a new version
MOVES: dict[str, Callable[[Any], object]] = {
    "leads": lambda s: [
        *(s.leads.get(T, "1"), s.leads.has("1"), s.leads.by_request(T, "r"), s.leads.by_ids(T, ["1"])),
        *(s.leads.by_emails(T, ["a@x.org"]), s.leads.by_references(T, ["r"]), s.leads.by_records(T, HUB, ["1"])),
        *(drained(s.leads.page(T, "", 9, "")), drained(s.leads.page(T, "", 9, "a@x.org"))),
        *(drained(s.leads.page(T, "", 9, "", INT)), drained(s.leads.page(T, "", 9, "", INT, (HUB, "1")))),
        *(drained(s.leads.without_refs(9)), s.leads.linked_to(INT, "", 9), s.leads.duplicates(T, "", 9)),
        drained(s.leads.with_conflicts(T, INT, "phone", "", "", 9)),
        *(drained(s.leads.with_conflicts(T, "", "", "1", "", 9)), drained(s.leads.all_with_conflicts(T, INT))),
        s.transact(
            lambda session: [s.leads.merged_into(T, "1", session), s.leads.duplicates_of(T, INT, ["1"], session)]
        ),
    ],
    "queue": lambda s: [
        s.work_items.touch([WorkItemTouch(T, INT, record_id="1")]),
        *(s.ready_work.find(INT, NOW, 9, of_runs=True), s.ready_work.find(INT, NOW, 9, of_runs=False)),
        *(
            s.work_items.claim(["1"], CLAIM),
            s.work_items.claim(["1"], CLAIM, idle=True),
            s.work_items.claim_new([WorkItemTouch(T, INT, record_id="2")], CLAIM, None, swept=False),
        ),
        *(s.work_items.held(["1"], "w"), s.work_items.by_ids(["1"]), s.work_items.waiting_for_lease(["1"], NOW)),
        *(s.work_items.read_at(["1"]), s.work_items.leave("w")),
    ],
    "lists of work": lambda s: [
        *(s.work_lists.page(T, [INT], state, NOW, "", 9) for state in ("due", "leased", "failed", "")),
        *(s.work_lists.count_due(), s.work_lists.count_due(INT), s.work_lists.count_failed()),
        *(s.work_lists.count_failed(INT), s.work_lists.oldest_due(), s.work_lists.oldest_due(INT)),
        *(s.work_lists.of_records([(INT, "1")]), s.work_lists.waiting_for_choice(T, INT, "", 9)),
        *(s.work_lists.failed(T, INT, "why", []), s.work_lists.failed(T, INT, "", ["1"]), s.work_lists.count_of(INT)),
        *(s.work_lists.ids_of(INT, "", 9), s.work_lists.run_work(INT, "r"), s.work_lists.drop_run(T, INT, "r", NOW)),
        *(s.work_lists.end_waits(INT, ["why"], NOW), s.work_lists.drop_integration(INT)),
        s.transact(lambda session: s.work_lists.drop_lead(T, "1", "2", session)),
    ],
    "deliveries": lambda s: [
        *(s.deliveries.unrouted_spans(), s.deliveries.unrouted(HUB, NOW, 9)),
        *(s.deliveries.remove_events(HUB, ["1"]), s.erasures.unfinished()),
        *(s.deliveries.count("unroutable"), s.deliveries.reopen("hubspot", "1"), s.deliveries.mark(["k"], "routed")),
    ],
    "shown deliveries": lambda s: [
        *(s.deliveries.insert([DELIVERY], NOW), s.targets.put(TARGET, ""), s.shown_deliveries.get(T, DELIVERY.key)),
        *(drained(s.shown_deliveries.page(DeliveryQuery(T, state=state), None, 9)) for state in ("", "new", "routed")),
        drained(s.shown_deliveries.page(DeliveryQuery(T, INT, ("1",), "", NOW, NOW), (NOW, "k"), 9)),
    ],
    "the rest": lambda s: [
        *(s.targets.get(INT, T), s.targets.of_tenant(T), s.targets.of_accounts([("hubspot", "1")])),
        *(
            s.targets.open_to("w", NOW),
            s.targets.note_news([INT]),
            s.targets.take(INT, "w", MINUTE),
            s.targets.leave("w"),
        ),
        *(s.targets.remove(T, INT), s.applying.get(INT), s.applying.under_way([INT]), s.applying.stop(INT, "r")),
        *(s.tombstones.has_lead(T, "1"), s.tombstones.of_records(INT, ["1"]), s.tombstones.of_emails(T, ["a@x.org"])),
        *(s.decisions.get(T, "1"), drained(s.decisions.of_lead(T, "1", "phone", "9", 9)), s.counters.get(INT)),
        s.transact(lambda session: s.decisions.drop_lead(T, "1", session)),
        *(s.lead_fields.get(T), s.processes.heartbeat(), s.processes.clock_set_back()),
    ],
    "the quarantine": lambda s: [
        drained(quarantine(s).after("0", "hubspot")),
        *(quarantine(s).forget(["1"]), quarantine(s).counts(), quarantine(s).usage()),
    ],
    "upgrades": lambda s: [step(s.database, lambda *_: None) for step in (note_requests, add_work_keys)],
}


def drained(found: Iterator[Any]) -> list[Any]:
    """Read everything."""
    return list(found)


def quarantine(store: Store) -> Any:
    """The quarantine of a store."""
    return QuarantinedRequests.of(store.database, timedelta(days=1))


def queries(commands: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is looked for, by collection."""
    for command in commands:
        name, collection = next(iter(command.items()))
        if name == "find":
            yield collection, command.get("filter", {})
        elif name == "aggregate":
            yield collection, command["pipeline"][0].get("$match", {})
        elif name in {"update", "delete"}:
            yield from ((collection, one["q"]) for one in [*command.get("updates", []), *command.get("deletes", [])])


def test_every_query_has_an_index(proxy: MongoProxy) -> None:
    """By the shapes of the queries that come by while each reading and writing method is called."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with connect(proxy.url) as client:
        store = Store.of(client, name, b"k" * 32)
        ensure_indexes(store.database)
        proxy.seen = []
        for move in MOVES.values():
            move(store)
        seen, proxy.seen = proxy.seen, None
        client.drop_database(name)
    found = list(queries(seen))
    expected = {*INDEXES, "requests", "tombstones", "counters"} - INSERTED_ONLY
    assert expected <= {collection for collection, _ in found}
    scans = [
        f"{collection}: {json.dumps(query, default=json_util.default)}"
        for collection, query in found
        if collection not in WHOLE and query not in FOR_UPGRADES and not has_index(query, INDEXES.get(collection, []))
    ]
    assert not scans, "\n".join(scans)


@pytest.mark.parametrize(
    ("query", "served"),
    [
        ({"state": "new"}, False),  # the index begins with the key
        ({"route_key": {"$gte": "a"}}, False),  # its filter is not implied
        ({"route_key": {"$gt": ""}, "state": "new"}, True),
        ({"tenant_id": "t"}, True),
        ({"tenant_id": {"$ne": "t"}}, False),
        ({"$or": [{"tenant_id": "t"}, {"events": 1}]}, False),
        ({"_id": {"$in": ["a"]}, "anything": 1}, True),
        ({"record_ids": None}, False),  # sparse
    ],
)
def test_the_rules_are_mongodbs(query: dict[str, Any], served: bool) -> None:
    """The first field of the index is bounded, and the filter of a partial one is implied."""
    assert has_index(query, INDEXES["deliveries"]) is served
