"""`python -m bench.scale`: two of each service and many portals on one machine; writes docs/scaling-figures.md.

Exit code 1 if the arithmetic of docs/scaling.md does not hold, or anything was lost or doubled.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
from leadsync.inbox.v1 import inbox_service_pb2_grpc
from pymongo import MongoClient

from bench.database import Database, find_database
from bench.decisions import wait_routed, work_off
from bench.events import signed_requests
from bench.figures import page
from bench.load import run_closed
from bench.machine import facts, speed
from bench.rig import ALL, INGEST, running
from bench.scale import report
from bench.scale.looks import Look, measure_looks
from bench.scale.needs import Assumptions, needs, table
from bench.scale.run import Found, Size, measure, say
from bench.scale.sizes import CollectionSize, collection_size
from bench.seeding import make_template, seed
from bench.store import store_client

ROOT = Path(__file__).resolve().parents[3]
SMOKE_TEST = Size(portals=6, small=8, large=40)
BEGIN = (
    "# Scaling: measured figures",
    "",
    "Written by `make bench-scale` from one run; no figure is typed by hand.",
    "[Scaling](scaling.md) says what follows from them.",
)
CAVEATS = (
    "Load, simulated HubSpot, database and two of each service share one machine. The rate is that of its cores.",
    "The database is a MongoDB-compatible server on one node, not MongoDB: its costs have to be measured.",
    "The simulated HubSpot answers in about a millisecond; the real one takes 50 to 300: time, no processor time.",
)
STORED: dict[str, tuple[str, dict[str, Any]]] = {
    "leads": ("leads", {}),
    "work_items": ("work_items", {}),
    "identities": ("identities", {}),
    "decisions": ("decisions", {"outcome": "updated"}),
    "deliveries of 1 event": ("deliveries", {"event_count": 1, "state": "routed"}),
    "deliveries of 100 events": ("deliveries", {"event_count": 100}),
}
SETTINGS = {"LEADSYNC_SWEEP_SECONDS": "3600"}


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="bench-scale", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a smoke test: few portals, and the figures mean little")
    parser.add_argument("--portals", type=int, default=Size().portals)
    parser.add_argument("--leads", type=int, default=3_000, help="seeded to measure documents")
    parser.add_argument("--seconds", type=int, default=300, help="it gives up after so many")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "scaling-figures.md")
    parser.add_argument("--tools", type=Path, default=ROOT / ".bench")
    chosen = parser.parse_args()
    if sys.platform != "linux":
        parser.error("needs Linux: it reads /proc")
    size, leads = (SMOKE_TEST, 500) if chosen.short else (Size(portals=chosen.portals), chosen.leads)
    integrations = (10, 20) if chosen.short else (10, 100, 1_000)
    database = find_database(chosen.tools, build=False)
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(chosen.seconds)
    known, began, speeds = facts(database.name), time.monotonic(), [speed()]
    with tempfile.TemporaryDirectory(prefix="leadsync-scale-") as folder:
        found = _two_of_each(Path(folder) / "two", database, size)
        speeds.append(speed())
        sizes, looks = _stored(Path(folder) / "sizes", database, leads, integrations)
    signal.alarm(0)
    known.append(("a core's speed before and after", ", ".join(f"{one:.0f}" for one in speeds) + " million rounds/s"))
    known.append(("the run took", f"{time.monotonic() - began:.0f} s"))
    groups = [
        *(make(found) for make in (report.costs, report.arithmetic, report.sharing, report.completeness)),
        *(report.opened(found), report.memory(found), report.looks(looks), *report.sizes(sizes)),
    ]
    wanted = [needs(portals, found.costs, looks, dict(sizes), Assumptions()) for portals in (10, 100, 1_000)]
    caveats = [*CAVEATS, *([database.remark] if database.remark else [])]
    text = page(groups, known, caveats, BEGIN, table(wanted, Assumptions()))
    chosen.out.write_text(text, encoding="utf-8")
    print(text)
    print(f"bench-scale: written to {chosen.out}")
    missed = [figure.what for group in groups for figure in group.figures if figure.good is False]
    if missed:
        print(f"bench-scale: missed: {'; '.join(missed)}")
    return 1 if missed else 0


def _give_up(*_: object) -> None:
    raise TimeoutError("bench-scale did not end in time: the machine is too busy, or --seconds too few")


def _two_of_each(data_dir: Path, database: Database, size: Size) -> Found:
    with running(data_dir, database, ALL, None, twins=True, **SETTINGS) as rig:
        return measure(rig, size)


def _stored(
    data_dir: Path, database: Database, leads: int, integrations: Sequence[int]
) -> tuple[list[tuple[str, CollectionSize]], list[Look]]:
    """Seed leads, decide about some of them, and look at what is stored; then add integrations and look for work."""
    with (
        running(data_dir, database, INGEST, None) as rig,
        store_client(rig.store_address) as store,
        grpc.insecure_channel(rig.store_address) as channel,
        MongoClient[dict[str, Any]](rig.mongo_url) as client,
    ):
        data, port, decided = client["leadsync_lead_store"], rig.settings.ports.gateway, leads // 10
        say(f"the sizes of {leads:,} leads")
        store.put_target()
        template = make_template(store, inbox_service_pb2_grpc.InboxServiceStub(channel))
        seed(data, template, 1, leads)
        for events in (1, 100):
            requests = signed_requests(rig.url, max(1, decided // events), events, range(1, decided + 1))
            run_closed(port, requests, 4, seconds=60)
        wait_routed(data)
        work_off(store)
        sizes = [(label, collection_size(data, name, query)) for label, (name, query) in STORED.items()]
        say("looks for work with many integrations")
        return sizes, measure_looks(rig, store, data, integrations)


if __name__ == "__main__":
    sys.exit(main())
