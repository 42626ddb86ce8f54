"""The way in: signed POSTs → durable deliveries → due work items, beside the bare database.

Then work items → decisions.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from leadsync.inbox.v1 import inbox_service_pb2_grpc
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from bench.bare.running import bare_way_in
from bench.bare.store import DATABASE as BARE
from bench.events import RECORDS, signed_requests
from bench.figures import Figure, Group, at_least, at_most, plain
from bench.load import Outcome, run_closed, run_open
from bench.rig import WAY_IN, Rig
from bench.seeding import make_template, observation, seed, values_of
from bench.store import StoreClient

# What the prototype of design's way in did on one core; the finished path stays within a fifth of it.
PROTOTYPE_SINGLE, PROTOTYPE_HUNDRED, SLACK = 6_700, 1_000, 0.8
PROTOTYPE_P99_MS = 18
YARDSTICK_BATCH = 100
DECIDED = 2_000  # work items due at once: no more than a run makes due, since the embedded server sorts all of them
OPEN_SHARE = 0.5  # of the closed model's rate: busy, but not full
FIXED_RATE = 500


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long everything takes; seconds and numbers."""

    closed: float = 12.0
    open: float = 20.0
    growth_events: int = 2_000
    changes: int = 1_000
    imported: int = 5_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of load: events per POST, connections, and POSTs made ready for each second that it lasts."""

    events: int
    connections: int
    most: int


SINGLE, HUNDRED = Kind(1, 64, 9_000), Kind(100, 16, 700)


def measure_way_in(rig: Rig, core: int | None, limit: float, lengths: Lengths) -> Group:
    """POST signed requests until the core is full, then at fixed rates."""
    with bare_way_in(rig.mongo_url, core) as bare, MongoClient[dict[str, Any]](rig.mongo_url) as client:
        (single, bare_single), (hundred, bare_hundred) = (
            _beside_the_bare_way_in(rig, client, bare, kind, lengths.closed) for kind in (SINGLE, HUNDRED)
        )
        rates = FIXED_RATE, single.rate * OPEN_SHARE
        acks = [figure for rate in rates for figure in _acks(rig, client, bare, rate, lengths.open)]
        client.drop_database(BARE)
    rows = [
        at_least("signed single-event POST/s", single.rate, PROTOTYPE_SINGLE * SLACK, "/s", _times(single)),
        at_least(
            "events/s at 100 per POST",
            hundred.rate * 100,
            PROTOTYPE_HUNDRED * 100 * SLACK,
            "/s",
            f"{hundred.rate:,.0f} POST/s, {_times(hundred)}",
        ),
        *_share("a single event", single, bare_single),
        *_share("100 events", hundred, bare_hundred),
        *_beside_the_bare_database(rig, {1: single, 100: hundred}, lengths.closed / 2),
        *acks,
    ]
    refused = single.refused + hundred.refused
    rows += [
        Figure("refused or failed", f"{refused:,}", "0", refused == 0),
        plain("requests/s that the generator itself can do", limit, "/s", "against a server that only answers"),
    ]
    how = (
        "Gateway, lead-store and database share one core; the generator has the other. Closed model: 64 connections "
        "(16 with 100 events a POST), each with one request on its way. Open model: a fixed rate, each time counted "
        f"from the moment at which the request was due. Events are about {RECORDS:,} linked contacts; lead-store "
        "routes them to work items all the while. The bare way in (`tests/bench/bare`) does what the prototype did "
        "that "
        "the targets come from, with the same libraries and like documents: no routing, log, metrics or limits. It is "
        "loaded just before and after, so that a share of it means the same on any machine. The bare database takes "
        f"the very same documents through `insert_many`, {YARDSTICK_BATCH} at a time, majority and journaled, at rest, "
        "by one client."
    )
    return Group("The way in", how, tuple(rows))


def measure_decisions(rig: Rig, store: StoreClient, database: Database[dict[str, Any]]) -> tuple[Figure, ...]:
    """Decide on records that have just become due: lease, reconcile with one changed field, again."""
    _wait_routed(database)
    database["work_items"].update_many({}, {"$unset": {"due_at": 1}})  # what the way in has left
    requests = signed_requests(rig.url, DECIDED // 100, 100, range(1, DECIDED + 1))
    run_closed(rig.settings.ports.gateway, requests, 4, seconds=60)
    _wait_routed(database)
    names = ("lead-store", "database")
    before = {name: rig.cpu_seconds(name) for name in names}
    done, seconds = work_off(store)
    each = {name: (rig.cpu_seconds(name) - before[name]) * 1_000 / max(1, done) for name in names}
    remark = f"{done:,} records, a hundred at a time, one changed field each"
    return (
        plain("records/s through LeaseWork and Reconcile", done / seconds, "/s", remark),
        *(plain(f"processor time of {name} per record", cost, "ms") for name, cost in each.items()),
    )


def _wait_routed(database: Database[dict[str, Any]]) -> None:
    """Wait until all deliveries have become work."""
    while database["deliveries"].find_one({"state": "new"}):
        time.sleep(0.05)


def work_off(store: StoreClient) -> tuple[int, float]:
    """Lease and decide until nothing is due; how many records that was, and the seconds that their calls took."""
    done, seconds = 0, 0.0
    while True:
        began = time.perf_counter()
        leases = store.lease(wait_seconds=1)
        if not leases:
            return done, seconds
        leased = time.perf_counter()
        now = datetime.now(UTC)
        changed = {"company": f"Company at {now:%H:%M:%S.%f}"}
        seen = [observation(lease, now, values_of(int(lease.record_id)) | changed) for lease in leases]
        asked = time.perf_counter()
        store.reconcile(seen)
        done, seconds = done + len(leases), seconds + (leased - began) + (time.perf_counter() - asked)


def cost_per_event(rig: Rig, store: StoreClient, events: int, leads: int) -> float:
    """Processor milliseconds of all three processes per event, from its POST to the decision on its record."""
    step = max(1, leads // events)
    requests = signed_requests(rig.url, events, 1, records=range(1, leads + 1, step))
    before = rig.cpu_seconds(*WAY_IN)
    outcome = run_closed(rig.settings.ports.gateway, requests, 32, seconds=600)
    work_off(store)
    return (rig.cpu_seconds(*WAY_IN) - before) * 1000 / max(1, outcome.answered)


def prepare(
    database: Database[dict[str, Any]], store: StoreClient, inbox: inbox_service_pb2_grpc.InboxServiceStub
) -> str:
    """Put the target and the first ten thousand leads; give the template's lead id."""
    store.put_target()
    lead_id = make_template(store, inbox)
    seed(database, lead_id, 1, RECORDS)
    return lead_id


def memory(rig: Rig, names: Sequence[str], leads: int) -> list[Figure]:
    """Resident memory of processes."""
    return [
        at_most(f"memory of {name}", rig.memory_mib(name), 300, "MiB", f"at {leads:,} leads")
        if name != "database"
        else plain("memory of the database", rig.memory_mib(name), "MiB", f"at {leads:,} leads")
        for name in names
    ]


def _closed(port: int, kind: Kind, seconds: float) -> Outcome:
    requests = signed_requests(f"http://127.0.0.1:{port}", int(kind.most * seconds), kind.events)
    return run_closed(port, requests, kind.connections, seconds)


def _beside_the_bare_way_in(
    rig: Rig, client: MongoClient[dict[str, Any]], bare: int, kind: Kind, seconds: float
) -> tuple[Outcome, float]:
    """Load the way in, and the bare one before and after, while the other rests; (ours, POST/s of the bare one)."""
    before = _closed(bare, kind, seconds / 3)
    ours = _closed(rig.settings.ports.gateway, kind, seconds)
    _wait_routed(client["leadsync_lead_store"])
    after = _closed(bare, kind, seconds / 3)
    return ours, (before.rate + after.rate) / 2


def _share(what: str, ours: Outcome, bare: float) -> tuple[Figure, Figure]:
    """How much of the bare way in's rate the finished one reaches."""
    return (
        plain(f"POST/s of the bare way in, {what} each", bare, "/s", "the prototype's part alone"),
        at_least(f"POST/s of {what} as a share of the bare way in", 100 * ours.rate / bare, 100 * SLACK, "%"),
    )


def _acks(rig: Rig, client: MongoClient[dict[str, Any]], bare: int, rate: float, seconds: float) -> Iterator[Figure]:
    """How soon requests at a fixed rate are answered, by the finished way in and then by the bare one."""
    what = f"at {rate:,.0f} single-event POST/s"
    yield _ack(f"ack {what}", _open(rig.settings.ports.gateway, rate, seconds), rate)
    _wait_routed(client["leadsync_lead_store"])
    yield Figure(f"ack of the bare way in {what}", _acknowledged(_open(bare, rate, seconds / 2)))


def _open(port: int, rate: float, seconds: float) -> Outcome:
    return run_open(port, signed_requests(f"http://127.0.0.1:{port}", int(rate * seconds), 1), rate)


def _ack(what: str, outcome: Outcome, rate: float) -> Figure:
    most = PROTOTYPE_P99_MS / SLACK
    remark = "" if outcome.rate > rate * 0.98 else f"only {outcome.rate:,.0f}/s were answered"
    return Figure(what, _acknowledged(outcome), f"p99 ≤ {most:.0f} ms", outcome.percentile(0.99) <= most, remark)


def _acknowledged(outcome: Outcome) -> str:
    p50, p99, p999 = (outcome.percentile(share) for share in (0.5, 0.99, 0.999))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, p99.9 {p999:.1f} ms"


def _times(outcome: Outcome) -> str:
    return f"p50 {outcome.percentile(0.5):.1f} ms, p99 {outcome.percentile(0.99):.1f} ms"


def _beside_the_bare_database(rig: Rig, outcomes: Mapping[int, Outcome], seconds: float) -> Iterator[Figure]:
    """How fast the database alone takes what the POSTs left in it, and how much of that rate the POSTs reached."""
    with MongoClient[dict[str, Any]](rig.mongo_url) as client:
        _wait_routed(client["leadsync_lead_store"])
        for events, outcome in outcomes.items():
            bare, what = _yardstick(client, events, seconds), "a single event" if events == 1 else f"{events} events"
            yield plain(f"documents/s of the bare database, {what} each", bare, "/s", "the yardstick")
            yield at_least(f"POST/s of {what} as a share of that", 100 * outcome.rate / bare, 50, "%")


def _yardstick(client: MongoClient[dict[str, Any]], events: int, seconds: float) -> float:
    """Documents a second that the bare database takes."""
    kept = list(client["leadsync_lead_store"]["deliveries"].find({"event_count": events}).limit(20_000 // events + 200))
    bare = client["yardstick"].get_collection("deliveries", write_concern=WriteConcern("majority", j=True))
    for name, index in client["leadsync_lead_store"]["deliveries"].index_information().items():
        if name != "_id_":
            options = {key: value for key, value in index.items() if key not in {"v", "key", "ns"}}
            bare.create_index(list(index["key"]), **options)
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds and done < len(kept):
        bare.insert_many(kept[done : done + YARDSTICK_BATCH], ordered=False)
        done += YARDSTICK_BATCH
    rate = done / (time.perf_counter() - began)
    client.drop_database("yardstick")
    return rate
