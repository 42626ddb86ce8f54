"""People at work on both sides: what they do next is chosen by the seed."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
from hubspot_simulator.client import ControlClient, ControlError

from soak.ledger import FIELDS, Ledger, pick

PATIENCE_SECONDS = 30.0  # how long somebody on the platform repeats a call that is not answered
PAUSE_SECONDS = 0.25
_REFUSED = frozenset({400, 404, 409, 412})


@dataclass(slots=True)
class Person:
    """One thread's worth of people; nobody shares its clients."""

    name: str
    seed: int
    ledger: Ledger
    api: httpx.Client
    hubspot: ControlClient
    per_second: float
    over: threading.Event
    page: str = ""
    number: int = 0
    rng: Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = Random(f"{self.name} of {self.seed}")

    def work(self, actions: dict[Callable[[], None], float]) -> None:
        """Do one thing after another until it is over; each action is chosen by its weight."""
        began, done = time.monotonic(), 0
        while not self.over.is_set():
            self.rng.choices(list(actions), weights=list(actions.values()))[0]()
            done += 1
            self.over.wait(max(0.0, began + done / self.per_second - time.monotonic()))

    def platform_actions(self) -> dict[Callable[[], None], float]:
        """What people on the platform do, and how often."""
        return {self.create_lead: 30, self.edit_lead: 55, self.meet: 5, self.list_leads: 10, self.delete_lead: 1}

    def hubspot_actions(self) -> dict[Callable[[], None], float]:
        """What people in HubSpot do, and how often."""
        return {
            self.create_contact: 25,
            self.upload: 0.3,
            self.edit_contact: 60,
            self.collide: 8,
            self.delete_contact: 1,
            self.merge: 1,
        }

    def create_lead(self) -> None:
        """Make a lead with an e-mail of its own."""
        self._create_lead(self._email())

    def edit_lead(self) -> None:
        """Set one field to a value that nobody else ever sets."""
        lead_id = pick(self.rng, self.ledger.known_leads)
        if lead_id is not None:
            self._edit_lead(lead_id, self.rng.choice(list(FIELDS)))

    def delete_lead(self) -> None:
        """Delete a lead."""
        lead_id = pick(self.rng, self.ledger.known_leads)
        if lead_id is not None and self._ask("DELETE", f"/leads/{lead_id}") is not None:
            self.ledger.deleted_leads.add(lead_id)
            self.ledger.counts["leads deleted"] += 1

    def meet(self) -> None:
        """Make the same person on both sides at about the same time."""
        email = self._email()
        platform = threading.Thread(target=self._create_lead, args=(email,))
        platform.start()
        self._create_contact(email)
        platform.join()
        self.ledger.counts["same person made on both sides"] += 1

    def list_leads(self) -> None:
        """Look at the next page of leads: those that came from HubSpot get known this way."""
        answer = self._ask("GET", "/leads", params={"pageToken": self.page} if self.page else {})
        if answer is None:
            return
        for lead in answer["leads"]:
            linked = [link["recordId"] for link in lead["links"] if link["state"] == "active" and link["recordId"]]
            self.ledger.listed(lead["id"], linked)
        self.page = answer["nextPageToken"] or self.page

    def create_contact(self) -> None:
        """Make a contact with an e-mail of its own."""
        self._create_contact(self._email())

    def upload(self) -> None:
        """Make many contacts at once."""
        contacts = [{"email": self._email(), "firstname": self._value()} for _ in range(self.rng.randint(20, 100))]
        self.ledger.contacts.extend(self.hubspot.create_contacts(contacts=contacts))
        self.ledger.counts["contacts created"] += len(contacts)

    def edit_contact(self) -> None:
        """Set one property to a value that nobody else ever sets."""
        contact_id = pick(self.rng, self.ledger.contacts)
        if self.ledger.pairs and self.rng.random() < 0.4:  # one that the platform made, perhaps
            contact_id = self.rng.choice(self.ledger.pairs)[1]
        if contact_id is not None:
            self._edit_contact(contact_id, self.rng.choice(list(FIELDS.values())))

    def collide(self) -> None:
        """Set the same field of a pair on both sides at about the same time."""
        if not self.ledger.pairs:
            return
        lead_id, contact_id = self.rng.choice(self.ledger.pairs)
        name = self.rng.choice(list(FIELDS))
        platform = threading.Thread(target=self._edit_lead, args=(lead_id, name))
        platform.start()
        self.over.wait(self.rng.uniform(0, 0.5))
        self._edit_contact(contact_id, FIELDS[name])
        platform.join()
        self.ledger.counts["same field edited on both sides"] += 1

    def delete_contact(self) -> None:
        """Put a contact into the archive; most are taken out again."""
        contact_id = pick(self.rng, self.ledger.contacts)
        if contact_id is None:
            return
        with suppress(ControlError):  # it may be gone already
            self.hubspot.delete_contact(contact_id)
            self.ledger.counts["contacts deleted"] += 1
            if self.rng.random() < 0.6:
                self.over.wait(self.rng.uniform(0, 2))
                self.hubspot.restore_contact(contact_id)
                self.ledger.counts["contacts restored"] += 1

    def merge(self) -> None:
        """Merge two contacts."""
        one, other = pick(self.rng, self.ledger.contacts), pick(self.rng, self.ledger.contacts)
        if one is None or other is None or one == other:
            return
        with suppress(ControlError):
            self.ledger.contacts.append(self.hubspot.merge(one, other))
            self.ledger.counts["contacts merged"] += 1

    def _create_lead(self, email: str) -> None:
        body = {"email": email, "firstName": self._value(), "company": self._value()}
        lead = self._ask("POST", "/leads", json=body, headers={"Idempotency-Key": email})
        if lead is None:
            self.ledger.unsure_emails.add(email)
        else:
            self.ledger.lead_created(lead["id"], email)

    def _edit_lead(self, lead_id: str, name: str) -> None:
        value = self._value()
        if self._ask("PATCH", f"/leads/{lead_id}", json={name: value}) is not None:
            self.ledger.lead_edited(lead_id, name, value)

    def _create_contact(self, email: str) -> None:
        with suppress(ControlError):  # the platform's one may be there first
            self.ledger.contacts.append(self.hubspot.create_contact({"email": email, "lastname": self._value()}))
            self.ledger.counts["contacts created"] += 1

    def _edit_contact(self, contact_id: str, name: str) -> None:
        with suppress(ControlError):
            self.hubspot.edit_contact(contact_id, {name: self._value()})
            self.ledger.counts["contacts edited"] += 1

    def _ask(self, method: str, path: str, **what: Any) -> dict[str, Any] | None:
        """Call the API, again and again if need be; None if it refused, or was never reached."""
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE_SECONDS:
            asked = time.monotonic()
            try:
                answer = self.api.request(method, path, **what)
            except httpx.TransportError:
                self.ledger.counts["API calls unanswered"] += 1
            else:
                if answer.is_success:
                    self.ledger.slowest = max(self.ledger.slowest, time.monotonic() - asked)
                    found: dict[str, Any] = answer.json() if answer.content else {}
                    return found
                if answer.status_code in _REFUSED:
                    self.ledger.counts[f"API calls refused {answer.status_code}"] += 1
                    return None
                self.ledger.counts[f"API calls answered {answer.status_code}"] += 1
            time.sleep(PAUSE_SECONDS)
        self.ledger.counts["API calls given up"] += 1
        return None

    def _email(self) -> str:
        self.number += 1
        return f"{self.name}.{self.number}.{self.seed}@example.com"

    def _value(self) -> str:
        self.number += 1
        return f"{self.name} {self.number}"
