"""End to end: a change on either side → the other side, the calls to HubSpot, imports; on all cores."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from hubspot_simulator.client import ControlClient
from pymongo import MongoClient

from bench.applying import measure_applying
from bench.fairness import measure_fairness
from bench.figures import Figure, Group, at_least, at_most, plain
from bench.floor import floor_ms
from bench.lengths import Lengths
from bench.load import Outcome
from bench.rig import Rig
from bench.store import StoreClient
from bench.watcher import Watcher

CHANGES_PER_SECOND = 50
EDITORS = 4
QUIET_SECONDS = 120.0
SETTLED_SECONDS = 2.0
Json = dict[str, Any]


@dataclass(slots=True)
class EndToEnd:
    """A running suite with its simulated HubSpot."""

    rig: Rig
    store: StoreClient
    api: httpx.Client
    hubspot: ControlClient
    integration_id: str
    lengths: Lengths
    contacts: list[str] = field(default_factory=list)

    def measure(self) -> list[Group]:
        """Measure everything, one thing after the other."""
        people = [{"email": f"w{n}@example.com", "firstname": f"First {n}"} for n in range(self.lengths.changes)]
        self.contacts = self.hubspot.create_contacts(contacts=people)
        self.quiet()
        return [self._latency(), self._calls(), self._import(), measure_applying(self), measure_fairness(self)]

    def _latency(self) -> Group:
        """Edit contacts at a fixed rate and watch the leads."""
        times, lost = self.edit_and_watch()
        self.quiet()
        processing = self._processing()
        sent = self.hubspot.delivery_counts()
        delivered = 100 * sent["delivered"] / max(1, sent["delivered"] + sent["lost"])
        status = self._status()
        figures = (
            at_most("change in HubSpot → lead, p99", times.percentile(0.99), 1_000, "ms", times.middle),
            at_most("webhook recorded → decided, p99", processing.percentile(0.99), 1_000, "ms", processing.middle),
            Figure("changes that never showed", f"{lost}", "0", lost == 0),
            at_least("deliveries answered with success", delivered, 99, "%"),
            at_least("decided without failure (successRate)", status["successRate"] or 0, 99, "%"),
        )
        how = (
            f"{len(self.contacts):,} edits by people in the simulated HubSpot, {CHANGES_PER_SECOND} a second; each "
            "counts from the moment at which it was due until the lead's new value comes out of WatchLeads. "
            "Everything, the simulator and the editors included, on all cores of the machine."
        )
        return Group("A change in HubSpot → the lead", how, figures)

    def edit_and_watch(
        self, rate: float = CHANGES_PER_SECOND, most: int | None = None, until: threading.Event | None = None
    ) -> tuple[Outcome, int]:
        """Edit each contact once, at a fixed rate: how long each edit took to show, and how many never did.

        It ends after `most` edits, or when `until` is set.
        """
        watcher = Watcher(self.store)
        watcher.start()
        due = self._edit_at_rate(f"seen {time.time():.0f}", rate, self.contacts[:most], until or threading.Event())
        end = time.monotonic() + 30
        while len(watcher.seen.keys() & due.keys()) < len(due) and time.monotonic() < end:
            time.sleep(0.05)
        watcher.stop()
        times = Outcome(times=[watcher.seen[value] - at for value, at in due.items() if value in watcher.seen])
        return times, len(due) - len(times.times)

    def _calls(self) -> Group:
        """Hold changes back on each side, then count the calls that they take."""
        number, run = len(self.contacts), f"{time.time():.0f}"
        with self._while_paused():
            for position, contact in enumerate(self.contacts):
                self.hubspot.edit_contact(contact, {"company": f"in {run} {position}"})
            self._wait_routed()
        inward = self._cost()
        leads = self._linked_leads()
        with self._while_paused():
            for position, lead_id in enumerate(leads):
                self.api.patch(f"/leads/{lead_id}", json={"company": f"out {run} {position}"}).raise_for_status()
        outward = self._cost()
        scale = 100 / max(1, number)
        figures = (
            at_most("calls per 100 changes, HubSpot → lead", inward.plain * scale, 2, "", f"{inward}"),
            plain("… of them for property history", inward.history * scale, "", "fields that both sides changed"),
            at_most("calls per 100 changes, lead → HubSpot", outward.plain * scale, 2, "", f"{outward}"),
            at_most("lost-update detector: history calls per 100 changes of ours (R3)", outward.history * scale, 2, ""),
        )
        how = (
            f"{number:,} contacts, then {number:,} leads, are edited while the integration is paused; counted are all "
            "calls to HubSpot from its resumption until nothing is due. The reading that follows our own write is made "
            "with history, at most 50 records a call, to notice an edit between our reading and our write."
        )
        return Group("Calls to HubSpot", how, figures)

    def _import(self) -> Group:
        """Import contacts for which no webhook came."""
        self.api.post(f"/crm-integration/{self.integration_id}/disable-webhooks").raise_for_status()
        self.hubspot.create_contacts(self.lengths.imported, prefix=f"i{time.time():.0f}-")
        time.sleep(1.0)  # the simulator's search lags behind
        self.hubspot.reset_calls()
        before, began = self.rig.cpu_seconds("database"), time.perf_counter()
        answer = self.api.post("/crm-integration/import", json={"integrationId": self.integration_id})
        answer.raise_for_status()
        run = self._followed(answer.json()["runId"])
        seconds = time.perf_counter() - began
        calls = self.hubspot.call_log()["total"]
        done = int(run["done"])
        each = (self.rig.cpu_seconds("database") - before) * 1_000 / max(1, done)
        floor = self._floor_of_imports()
        self.api.post(f"/crm-integration/{self.integration_id}/enable-webhooks").raise_for_status()
        figures = (
            plain("imported records/s", done / seconds, "/s", f"{done:,} records in {seconds:.0f} s: {run['state']}"),
            plain("calls per 100 imported records", calls * 100 / max(1, done), ""),
            plain("processor time of database per imported record", each, "ms", f"floor: {floor:.3g} ms"),
            at_most("database per imported record, in floors", each / floor, 4, "×"),
        )
        return Group("Import", "Contacts that were made while webhooks were disabled.", figures)

    def _floor_of_imports(self) -> float:
        with MongoClient[dict[str, Any]](self.rig.mongo_url) as client:
            return floor_ms(self.rig, client["leadsync_lead_store"], min(2_000, self.lengths.imported), new=True)

    def _edit_at_rate(self, run: str, rate: float, contacts: Sequence[str], until: threading.Event) -> dict[str, float]:
        """Edit each contact once, so many a second, until told to stop; when each edit was due, by its value."""
        began = time.time() + 0.2
        work = [(contact, f"{run} {n}", began + n / rate) for n, contact in enumerate(contacts)]
        due: dict[str, float] = {}

        def edit(some: Sequence[tuple[str, str, float]]) -> None:
            with ControlClient(self.rig.hubspot_url) as hubspot:
                for contact, value, at in some:
                    if until.wait(max(0.0, at - time.time())):
                        return
                    due[value] = at
                    hubspot.edit_contact(contact, {"company": value})

        editors = [threading.Thread(target=edit, args=(work[n::EDITORS],)) for n in range(EDITORS)]
        for editor in editors:
            editor.start()
        for editor in editors:
            editor.join()
        return due

    def _processing(self) -> Outcome:
        """How long after its last delivery was recorded each record was decided."""
        with MongoClient[Json](self.rig.mongo_url, tz_aware=True) as client:
            store = client["leadsync_lead_store"]
            recorded: dict[str, Any] = {}
            for one in store["deliveries"].find({"state": "routed"}, {"record_ids": 1, "recorded_at": 1}):
                for record in one["record_ids"]:
                    recorded[record] = max(recorded.get(record, one["recorded_at"]), one["recorded_at"])
            work_items = store["work_items"].find({"decided_at": {"$type": "date"}}, {"record_id": 1, "decided_at": 1})
            decided = {work_item["record_id"]: work_item["decided_at"] for work_item in work_items}
        waits = [(decided[record] - at).total_seconds() for record, at in recorded.items() if record in decided]
        return Outcome(times=[wait for wait in waits if wait >= 0])

    def _wait_routed(self) -> None:
        """Wait until every webhook is delivered and routed: one routed later has its record read once more."""
        while (
            self.hubspot.delivery_counts()["outstanding"]
            or self.api.get("/events", params={"state": "new"}).raise_for_status().json()["events"]
        ):
            time.sleep(0.05)

    def _while_paused(self) -> "_WhilePaused":
        return _WhilePaused(self)

    def _cost(self) -> "_Cost":
        self.quiet()
        log = self.hubspot.call_log()["log"]
        contacts = [
            call for call in log if "/objects/contacts" in call["route"] and not call["route"].endswith("/search")
        ]
        return _Cost(contacts)

    def _linked_leads(self) -> list[str]:
        """Ids of the leads of our contacts."""
        with MongoClient[Json](self.rig.mongo_url) as client:
            wanted = {"links.record_id": {"$in": self.contacts}, "deleted_at": None}
            return [lead["_id"] for lead in client["leadsync_lead_store"]["leads"].find(wanted, {"_id": 1})]

    def _status(self) -> Json:
        answer = self.api.get("/crm-integration/sync-status", params={"integrationId": self.integration_id})
        answer.raise_for_status()
        found: Json = answer.json()
        return found

    def quiet(self) -> None:
        """Wait until nothing has been due and no delivery open for SETTLED_SECONDS."""
        end, since = time.monotonic() + QUIET_SECONDS, time.monotonic()
        while time.monotonic() < end:
            if self._status()["pending"] or self.hubspot.delivery_counts()["outstanding"]:
                since = time.monotonic()
            elif time.monotonic() - since > SETTLED_SECONDS:
                return
            time.sleep(0.1)
        raise TimeoutError(f"not quiet after {QUIET_SECONDS:g} s: {self._status()}")

    def _followed(self, run_id: str) -> Json:
        while True:
            run: Json = self.api.get(f"/crm-integration/runs/{run_id}").json()
            if run["state"] not in {"queued", "running"}:
                return run
            time.sleep(0.1)


@dataclass(frozen=True, slots=True)
class _WhilePaused:
    """The integration is paused inside the block; calls are counted from its end."""

    suite: EndToEnd

    def __enter__(self) -> None:
        self._set(paused=True)

    def __exit__(self, *_: object) -> None:
        self.suite.hubspot.reset_calls()
        self._set(paused=False)

    def _set(self, *, paused: bool) -> None:
        answer = self.suite.api.patch(f"/crm-integration/{self.suite.integration_id}", json={"paused": paused})
        answer.raise_for_status()


@dataclass(frozen=True, slots=True)
class _Cost:
    """The calls that a batch of changes took."""

    calls: Sequence[Json]

    @property
    def history(self) -> int:
        """Calls that asked for property history."""
        return sum(bool(call["history"]) for call in self.calls)

    @property
    def plain(self) -> int:
        """All others."""
        return len(self.calls) - self.history

    def __str__(self) -> str:
        sizes = [call["inputs"] for call in self.calls if call["inputs"]]
        return f"{len(self.calls)} calls of {sum(sizes) / max(1, len(sizes)):.0f} records on average"
