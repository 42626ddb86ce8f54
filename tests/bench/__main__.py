"""`python -m bench`: measure on real processes and write docs/benchmarks.md. `--full` adds a million leads."""

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import httpx
from hubspot_simulator.client import ControlClient
from leadsync.inbox.v1 import inbox_service_pb2_grpc
from pymongo import MongoClient

from bench.database import Database, find_database
from bench.decisions import cost_per_event, measure_decisions, prepare
from bench.end_to_end import EndToEnd
from bench.events import RECORDS, signed_requests
from bench.figures import Figure, Group, at_least, at_most, page, plain
from bench.ingest import measure_ingest
from bench.lengths import SMOKE_TEST, Lengths
from bench.load import run_closed
from bench.machine import cores, facts, pinned, speed
from bench.planner import planned_per_second
from bench.rig import ALL, INGEST, Rig, running
from bench.seeding import seed
from bench.store import store_client

ROOT = Path(__file__).resolve().parents[2]
CAVEATS = (
    "Load, simulated HubSpot and suite share one machine: there is no network, and the generator's core is not free.",
    "The machine may be shared with others: the core's speed says how much they left, and all rates follow it.",
    "The database is a MongoDB-compatible server on one node, not MongoDB: a replica set also waits for its majority.",
    "The targets of ingest come from a prototype that neither routed deliveries nor logged a line per event.",
    "Leads are seeded by copying one lead's documents; their history (decisions) is not seeded.",
    "The simulated HubSpot answers in about a millisecond; the real one takes 50 to 300.",
)


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--full", type=int, nargs="?", const=1_000_000, default=0, help="number of leads to grow to")
    parser.add_argument("--short", action="store_true", help="a smoke test: the figures mean nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md")
    parser.add_argument("--tools", type=Path, default=ROOT / ".bench")
    chosen = parser.parse_args()
    if sys.platform != "linux":
        parser.error("needs Linux: it pins processes and reads /proc")
    lengths = SMOKE_TEST if chosen.short else Lengths()
    database = find_database(chosen.tools)
    known, began, speeds = facts(database.name), time.monotonic(), [speed()]
    with tempfile.TemporaryDirectory(prefix="leadsync-bench-") as folder:
        groups = _on_one_core(Path(folder) / "one", database, lengths, chosen.full)
        speeds.append(speed())
        groups += _on_all_cores(Path(folder) / "all", database, lengths)
        speeds.append(speed())
    rounds = ", ".join(f"{speed:.0f}" for speed in speeds)
    known.append(("a core's speed before, during and after", f"{rounds} million rounds/s of an empty Python loop"))
    known.append(("the run took", f"{(time.monotonic() - began) / 60:.1f} minutes"))
    text = page(groups, known, [*CAVEATS, *([database.remark] if database.remark else [])])
    chosen.out.write_text(text, encoding="utf-8")
    print(text)
    print(f"bench: written to {chosen.out}")
    return 0


def _on_one_core(data_dir: Path, database: Database, lengths: Lengths, full: int) -> list[Group]:
    """Ingest and decisions: gateway, lead-store and database on one core, the load on the other."""
    ours, others = cores()
    with (
        pinned(others),
        running(data_dir, database, INGEST, ours) as rig,
        store_client(rig.store_address) as store,
        grpc.insecure_channel(rig.store_address) as channel,
        MongoClient[dict[str, Any]](rig.mongo_url) as client,
    ):
        _say("ingest")
        data = client["leadsync_lead_store"]
        template = prepare(data, store, inbox_service_pb2_grpc.InboxServiceStub(channel))
        ingest = measure_ingest(rig, ours, _generator_limit(ours), lengths)
        _say("decisions")
        decisions = measure_decisions(rig, store, data)
        planner = at_least("merge planner, records/s", planned_per_second(), 20_000, "/s", "pure; seven fields")
        _say(f"cost per event at {RECORDS:,} leads")
        small = cost_per_event(rig, store, lengths.growth_events, RECORDS)
        growth = [plain(f"processor time per event at {RECORDS:,} leads", small, "ms"), *_memory(rig, INGEST, RECORDS)]
        if full:
            _say(f"seeding {full:,} leads")
            seed(data, template, RECORDS + 1, full)
            _say(f"cost per event at {full:,} leads")
            cost_per_event(rig, store, lengths.growth_events // 4, full)  # caches fill before it counts
            large = cost_per_event(rig, store, lengths.growth_events, full)
            growth += [
                plain(f"processor time per event at {full:,} leads", large, "ms"),
                at_most("growth", large / small, 1.3, "×"),
                *_memory(rig, INGEST, full),
            ]
    how = (
        f"{lengths.growth_events:,} single-event POSTs about different contacts, each up to the decision on its "
        "record, which changes one field; processor time of gateway, lead-store and database together."
    )
    return [
        ingest,
        Group("Decisions", "One worker calls lead-store; all on one core.", (*decisions, planner)),
        Group("Growth", how, tuple(growth)),
    ]


def _on_all_cores(data_dir: Path, database: Database, lengths: Lengths) -> list[Group]:
    """The whole suite with its simulated HubSpot."""
    with (
        running(data_dir, database, ALL, None, LEADSYNC_SWEEP_SECONDS="3600") as rig,
        store_client(rig.store_address) as store,
        _api(rig) as api,
        ControlClient(rig.hubspot_url) as hubspot,
    ):
        _say("end to end")
        hubspot.set(rate_limit_per_10_seconds=0)  # the account's quota is not what is measured
        groups = EndToEnd(rig, store, api, hubspot, rig.connect(), lengths).measure()
        figures = tuple(_memory(rig, [name for name in ALL if name != "simulator"], lengths.changes + lengths.imported))
    return [*groups, Group("Memory of the whole suite afterwards", "Resident memory.", figures)]


def _memory(rig: Rig, names: Sequence[str], leads: int) -> list[Figure]:
    """Return the resident memory of processes."""
    return [
        at_most(f"memory of {name}", rig.memory_mib(name), 300, "MiB", f"at {leads:,} leads")
        if name != "database"
        else plain("memory of the database", rig.memory_mib(name), "MiB", f"at {leads:,} leads")
        for name in names
    ]


def _api(rig: Rig) -> httpx.Client:
    headers = {"Authorization": f"Bearer {rig.token}"}
    return httpx.Client(base_url=f"{rig.url}/api/v1", headers=headers, timeout=60, trust_env=False)


def _generator_limit(core: int | None) -> float:
    """Return the requests a second that the generator reaches against a server that only answers 200."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    pin = ["taskset", "-c", str(core)] if core is not None else []
    server = subprocess.Popen([*pin, sys.executable, str(Path(__file__).with_name("always_ok_server.py")), str(port)])
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        return run_closed(port, signed_requests("http://127.0.0.1", 40_000, 1), 64, 2.0).rate
    finally:
        server.terminate()
        server.wait()


def _say(what: str) -> None:
    print(f"bench: {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
