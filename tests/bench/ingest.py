"""Ingest: signed POSTs → stored deliveries → due work items, beside the baseline and the database alone."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from bench.baseline.running import run_baseline
from bench.baseline.store import DATABASE as BASELINE
from bench.decisions import wait_routed
from bench.events import RECORDS, signed_requests
from bench.figures import Figure, Group, at_least, plain
from bench.lengths import Lengths
from bench.load import Outcome, run_closed, run_open
from bench.rig import Rig

# What the design's prototype did on one core; the finished path stays within a fifth of it.
PROTOTYPE_SINGLE, PROTOTYPE_HUNDRED, SLACK = 6_700, 1_000, 0.8
PROTOTYPE_P99_MS = 18
INSERT_BATCH = 100
OPEN_SHARE = 0.5  # of the closed model's rate: busy, but not full
FIXED_RATE = 500
STORE = "leadsync_lead_store"
ALONE = "bench_database_alone"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of load: events per POST, connections, and POSTs made ready for each second that it lasts."""

    events: int
    connections: int
    most: int


SINGLE, HUNDRED = Kind(1, 64, 9_000), Kind(100, 16, 700)


def measure_ingest(rig: Rig, core: int | None, generator_rate: float, lengths: Lengths) -> Group:
    """POST signed requests until the core is full, then at fixed rates."""
    with run_baseline(rig.mongo_url, core) as baseline, MongoClient[dict[str, Any]](rig.mongo_url) as client:
        (single, baseline_single), (hundred, baseline_hundred) = (
            _beside_the_baseline(rig, client, baseline, kind, lengths.closed) for kind in (SINGLE, HUNDRED)
        )
        rates = FIXED_RATE, single.rate * OPEN_SHARE
        acks = [figure for rate in rates for figure in _acks(rig, client, baseline, rate, lengths.open)]
        client.drop_database(BASELINE)
    rows = [
        at_least("signed single-event POST/s", single.rate, PROTOTYPE_SINGLE * SLACK, "/s", _times(single)),
        at_least(
            "events/s at 100 per POST",
            hundred.rate * 100,
            PROTOTYPE_HUNDRED * 100 * SLACK,
            "/s",
            f"{hundred.rate:,.0f} POST/s, {_times(hundred)}",
        ),
        *_share("1 event", single, baseline_single),
        *_share("100 events", hundred, baseline_hundred),
        *_beside_the_database(rig, {1: single, 100: hundred}, lengths.closed / 2),
        *acks,
    ]
    refused = single.refused + hundred.refused
    rows += [
        Figure("refused or failed", f"{refused:,}", "0", refused == 0),
        plain("requests/s of the load generator alone", generator_rate, "/s", "against a server that only answers 200"),
    ]
    how = (
        "Gateway, lead-store and database share one core; the load generator has the other. Closed model: 64 "
        "connections (16 with 100 events a POST), each with one open request. Open model: a fixed rate; each time "
        f"counts from the moment at which the request was due. The events name about {RECORDS:,} linked contacts, and "
        "lead-store routes them to work items meanwhile. The baseline (`tests/bench/baseline`) does what the prototype "
        "behind the targets did, with the same libraries and similar documents: no routing, log, metrics or limits. It "
        "runs just before and just after, so its ratio to the product means the same on any machine. The database "
        f"alone takes the same documents through `insert_many`, {INSERT_BATCH} at a time, majority and journaled, from "
        "one client, while nothing else runs."
    )
    return Group("Ingest", how, tuple(rows))


def _closed(port: int, kind: Kind, seconds: float) -> Outcome:
    requests = signed_requests(f"http://127.0.0.1:{port}", int(kind.most * seconds), kind.events)
    return run_closed(port, requests, kind.connections, seconds)


def _beside_the_baseline(
    rig: Rig, client: MongoClient[dict[str, Any]], baseline: int, kind: Kind, seconds: float
) -> tuple[Outcome, float]:
    """Load baseline, product, baseline, one at a time; return the product's outcome and the baseline's POST/s."""
    before = _closed(baseline, kind, seconds / 3)
    ours = _closed(rig.settings.ports.gateway, kind, seconds)
    wait_routed(client[STORE])
    after = _closed(baseline, kind, seconds / 3)
    return ours, (before.rate + after.rate) / 2


def _share(what: str, ours: Outcome, baseline: float) -> tuple[Figure, Figure]:
    """Return the baseline's rate, and the product's rate as a share of it."""
    return (
        plain(f"POST/s of the baseline, {what} each", baseline, "/s", "what the prototype did, and nothing else"),
        at_least(f"POST/s of {what} as a share of the baseline", 100 * ours.rate / baseline, 100 * SLACK, "%"),
    )


def _acks(
    rig: Rig, client: MongoClient[dict[str, Any]], baseline: int, rate: float, seconds: float
) -> Iterator[Figure]:
    """Yield how soon requests at a fixed rate are answered, by the product and then by the baseline."""
    what = f"at {rate:,.0f} single-event POST/s"
    yield _ack(f"ack {what}", _open(rig.settings.ports.gateway, rate, seconds), rate)
    wait_routed(client[STORE])
    yield Figure(f"ack of the baseline {what}", _percentiles(_open(baseline, rate, seconds / 2)))


def _open(port: int, rate: float, seconds: float) -> Outcome:
    return run_open(port, signed_requests(f"http://127.0.0.1:{port}", int(rate * seconds), 1), rate)


def _ack(what: str, outcome: Outcome, rate: float) -> Figure:
    most = PROTOTYPE_P99_MS / SLACK
    remark = "" if outcome.rate > rate * 0.98 else f"only {outcome.rate:,.0f}/s were answered"
    return Figure(what, _percentiles(outcome), f"p99 ≤ {most:.0f} ms", outcome.percentile(0.99) <= most, remark)


def _percentiles(outcome: Outcome) -> str:
    p50, p99, p999 = (outcome.percentile(share) for share in (0.5, 0.99, 0.999))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, p99.9 {p999:.1f} ms"


def _times(outcome: Outcome) -> str:
    return f"p50 {outcome.percentile(0.5):.1f} ms, p99 {outcome.percentile(0.99):.1f} ms"


def _beside_the_database(rig: Rig, outcomes: Mapping[int, Outcome], seconds: float) -> Iterator[Figure]:
    """Yield how fast the database alone inserts the deliveries, and which share of that rate the POSTs reached."""
    with MongoClient[dict[str, Any]](rig.mongo_url) as client:
        wait_routed(client[STORE])
        for events, outcome in outcomes.items():
            alone, what = _database_rate(client, events, seconds), "1 event" if events == 1 else f"{events} events"
            yield plain(f"documents/s of the database alone, {what} each", alone, "/s", "the same documents, inserted")
            yield at_least(f"POST/s of {what} as a share of the database alone", 100 * outcome.rate / alone, 50, "%")


def _database_rate(client: MongoClient[dict[str, Any]], events: int, seconds: float) -> float:
    """Return how many of the stored deliveries the database alone inserts in a second, with the same indexes."""
    stored = list(client[STORE]["deliveries"].find({"event_count": events}).limit(20_000 // events + 200))
    copy = client[ALONE].get_collection("deliveries", write_concern=WriteConcern("majority", j=True))
    for name, index in client[STORE]["deliveries"].index_information().items():
        if name != "_id_":
            options = {key: value for key, value in index.items() if key not in {"v", "key", "ns"}}
            copy.create_index(list(index["key"]), **options)
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds and done < len(stored):
        copy.insert_many(stored[done : done + INSERT_BATCH], ordered=False)
        done += INSERT_BATCH
    rate = done / (time.perf_counter() - began)
    client.drop_database(ALONE)
    return rate
