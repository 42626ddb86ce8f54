"""After the faults: wait until nothing happens any more, then look at every contact again, which must write nothing."""

import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

import httpx
from hubspot_simulator.client import ControlClient
from leadsync_cli.crms.hubspot.events import Origin, Subject, make_event
from leadsync_cli.suite.catalogue import SIMULATED, SIMULATED_ACCOUNT

IDLE_WITHIN = 600.0  # seconds
POLL_SECONDS = 0.25
EVENTS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class IdleCheck:
    """A suite that nobody uses any more."""

    api: httpx.Client
    hubspot: ControlClient
    integration_id: str

    def wait_idle(self, unchanged_for: float) -> bool:
        """Wait until nothing is due or on its way, and nothing changes for so many seconds. False if that never is."""
        end, since, before = time.monotonic() + IDLE_WITHIN, time.monotonic(), None
        while time.monotonic() < end:
            state = self._state()
            if state is None or state != before:
                since, before = time.monotonic(), state
            elif time.monotonic() - since > unchanged_for:
                return True
            time.sleep(POLL_SECONDS)
        return False

    def writes_after_another_look(self) -> int:
        """Send an event about every contact and wait; give the number of writes that followed. It should be 0."""
        before = self.hubspot.writes()
        now_ms, numbers = int(time.time() * 1000), count(1)
        origin = Origin(int(SIMULATED_ACCOUNT), int(SIMULATED["HUBSPOT_APP_ID"]), now_ms, "CRM_UI", "", generic=False)
        about = [Subject(int(contact["id"]), "company", "looked at again") for contact in self.hubspot.contacts()]
        events = [make_event("contact.propertyChange", one, origin, next(numbers)) for one in about]
        for start in range(0, len(events), EVENTS_AT_ONCE):
            self.hubspot.send_events(events[start : start + EVENTS_AT_ONCE], max_retries=5)
        self.wait_idle(unchanged_for=3.0)
        after = self.hubspot.writes()
        return int(sum(after[kind] - before[kind] for kind in ("total", "without_effect")))

    def _state(self) -> object | None:
        """What would change if anything happened; None while something is due or on its way."""
        with suppress(httpx.HTTPError):
            answer = self.api.get("/crm-integration/sync-status", params={"integrationId": self.integration_id})
            status = answer.json() if answer.is_success else None
            if status and status["pending"] == 0 and self.hubspot.delivery_counts()["outstanding"] == 0:
                return status["fromCrm"], status["toCrm"], self.hubspot.writes()["total"]
        return None
