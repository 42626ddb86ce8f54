"""What people on both sides asked for, and the answers: the audit's own record, kept apart from the suite."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

FIELDS = {"firstName": "firstname", "lastName": "lastname", "company": "company", "jobTitle": "jobtitle"}
"""The fields that people edit: the API's name → HubSpot's."""


@dataclass(frozen=True, slots=True)
class LeadEdit:
    """A change that the API acknowledged. `field` is the API's name."""

    lead_id: str
    field: str
    value: str


@dataclass(slots=True)
class Ledger:
    """Appended to by many threads; every method is one atomic step under the interpreter's lock."""

    leads: dict[str, str] = field(default_factory=dict)  # created through the API: id → e-mail
    unsure_emails: set[str] = field(default_factory=set)  # of creates that were never answered
    edits: list[LeadEdit] = field(default_factory=list)
    deleted_leads: set[str] = field(default_factory=set)
    known_leads: list[str] = field(default_factory=list)  # whatever the API has listed, to choose from
    contacts: list[str] = field(default_factory=list)  # made by people in HubSpot, to choose from
    pairs: list[tuple[str, str]] = field(default_factory=list)  # (lead, contact) that the API has shown as linked
    counts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0  # seconds, of an acknowledged call to the API

    def lead_created(self, lead_id: str, email: str) -> None:
        """Note a create that was acknowledged."""
        self.leads[lead_id] = email
        self.known_leads.append(lead_id)
        self.counts["leads created"] += 1

    def lead_edited(self, lead_id: str, name: str, value: str) -> None:
        """Note an edit that was acknowledged."""
        self.edits.append(LeadEdit(lead_id, name, value))
        self.counts["leads edited"] += 1

    def listed(self, lead_id: str, record_ids: list[str]) -> None:
        """Note a lead that the API has shown."""
        self.known_leads.append(lead_id)
        self.pairs.extend((lead_id, record_id) for record_id in record_ids)


def pick(rng: Random, among: list[str]) -> str | None:
    """Choose one: often one of the last, so that edits meet work that is under way."""
    if not among:
        return None
    recent = among[-20:] if rng.random() < 0.5 else among
    return rng.choice(recent)
