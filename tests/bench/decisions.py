"""From due work items to decisions: what lead-store and its database take for one record."""

import time
from datetime import UTC, datetime
from typing import Any

from leadsync.inbox.v1 import inbox_service_pb2_grpc
from pymongo.database import Database

from bench.events import RECORDS, signed_requests
from bench.figures import Figure, at_most, plain
from bench.floor import floor_ms
from bench.load import run_closed
from bench.rig import INGEST, Rig
from bench.seeding import make_template, observation, seed, values_of
from bench.store import StoreClient

DECIDED = 2_000  # due work items at once: no more than a run makes due, since the embedded server sorts all of them


def prepare(
    database: Database[dict[str, Any]], store: StoreClient, inbox: inbox_service_pb2_grpc.InboxServiceStub
) -> str:
    """Put the target and the first ten thousand leads; return the template's lead id."""
    store.put_target()
    lead_id = make_template(store, inbox)
    seed(database, lead_id, 1, RECORDS)
    return lead_id


def measure_decisions(rig: Rig, store: StoreClient, database: Database[dict[str, Any]]) -> tuple[Figure, ...]:
    """Make records due by webhooks, then lease and reconcile them with one changed field each."""
    wait_routed(database)
    left_by_ingest = database["work_items"]
    left_by_ingest.update_many({}, {"$unset": {"due_at": 1, "ready_key": 1}})
    floor = floor_ms(rig, database, DECIDED, new=False)
    at_first = rig.cpu_seconds("database")
    requests = signed_requests(rig.url, DECIDED // 100, 100, range(1, DECIDED + 1))
    run_closed(rig.settings.ports.gateway, requests, 4, seconds=60)
    wait_routed(database)
    names = ("lead-store", "database")
    before = {name: rig.cpu_seconds(name) for name in names}
    done, seconds = work_off(store)
    whole = (rig.cpu_seconds("database") - at_first) * 1_000 / max(1, done)
    each = {name: (rig.cpu_seconds(name) - before[name]) * 1_000 / max(1, done) for name in names}
    floor = (floor + floor_ms(rig, database, DECIDED, new=False)) / 2
    remark = f"{done:,} records, a hundred at a time, one changed field each"
    return (
        plain("records/s through LeaseWork and Reconcile", done / seconds, "/s", remark),
        *(plain(f"processor time of {name} per record", cost, "ms") for name, cost in each.items()),
        plain("floor: the least that its writes take of the database", floor, "ms", "measured before and after"),
        plain("database, LeaseWork and Reconcile, in floors", each["database"] / floor, "×"),
        at_most("database, from webhook to lead, in floors", whole / floor, 5, "×", "a hundred events in a POST"),
    )


def wait_routed(database: Database[dict[str, Any]]) -> None:
    """Wait until all deliveries are routed to work items."""
    while database["deliveries"].find_one({"state": "new"}):
        time.sleep(0.05)


def work_off(store: StoreClient) -> tuple[int, float]:
    """Lease and decide until nothing is due; return the number of records and the seconds that the calls took."""
    done, seconds = 0, 0.0
    while True:
        began = time.perf_counter()
        leases = store.lease(wait_seconds=1)
        if not leases:
            return done, seconds
        leased = time.perf_counter()
        now = datetime.now(UTC)
        changed = {"company": f"Company at {now:%H:%M:%S.%f}"}
        observations = [observation(lease, now, values_of(int(lease.record_id)) | changed) for lease in leases]
        sent = time.perf_counter()
        store.reconcile(observations)
        done, seconds = done + len(leases), seconds + (leased - began) + (time.perf_counter() - sent)


def cost_per_event(rig: Rig, store: StoreClient, events: int, leads: int) -> float:
    """Return the processor milliseconds of all three processes per event, from its POST to the decision."""
    step = max(1, leads // events)
    requests = signed_requests(rig.url, events, 1, records=range(1, leads + 1, step))
    before = rig.cpu_seconds(*INGEST)
    outcome = run_closed(rig.settings.ports.gateway, requests, 32, seconds=600)
    work_off(store)
    return (rig.cpu_seconds(*INGEST) - before) * 1000 / max(1, outcome.answered)
