"""Two leads swap their e-mails on the platform: real storage, the HubSpot simulator, a real lead-store."""

from dataclasses import dataclass

import pytest
from crm_connector.domain.integration import Integration
from crm_connector.domain.run import RunKind
from integration.connector.hub import Simulator
from integration.connector.rig import Parts
from lead_store_calls import LeadStore

A, B, THIRD = "a@example.com", "b@example.com", "third@example.com"
TENANT = "tenant-1"


@dataclass(frozen=True, slots=True)
class Two:
    """Two contacts and their leads; `first` began with the e-mail A, `second` with B."""

    parts: Parts
    inside: LeadStore
    simulator: Simulator
    made: Integration
    records: dict[str, str]
    leads: dict[str, str]

    def set(self, began_with: str, email: str) -> None:
        """Edit a lead on the platform, and do what becomes due."""
        self.inside.update(self.leads[began_with], email=email)
        self.parts.work_off()

    def push(self, began_with: str) -> None:
        """Push a lead."""
        run = self.parts.start(self.made, RunKind.PUSH, self.leads[began_with])
        self.parts.ended(run, turns=2)
        self.parts.work_off()

    def in_crm(self) -> list[str]:
        """The e-mails that both contacts have."""
        return [self.simulator.control.contact(self.records[one])["properties"]["email"] for one in (A, B)]

    def refused(self) -> list[list[str]]:
        """What the CRM refuses of each lead."""
        leads = [self.inside.get(self.leads[one], TENANT) for one in (A, B)]
        return [[one.reason for link in lead.links for one in link.refused] for lead in leads]


@pytest.fixture
def two(real_parts: Parts, inside: LeadStore, simulator: Simulator) -> Two:
    """Two contacts that were imported."""
    records = {email: simulator.control.create_contact({"email": email}) for email in (A, B)}
    made = real_parts.connect()
    real_parts.ended(real_parts.start(made, RunKind.IMPORT))
    leads = {lead.email: lead.lead_id for lead in inside.all_leads(TENANT)}
    return Two(real_parts, inside, simulator, made, records, leads)


def test_swapped_emails_wait_and_say_what_can_be_done(two: Two) -> None:
    """Neither contact can have the other's e-mail first, so both wait; the refusal says how to swap them."""
    two.set(A, B)
    two.set(B, A)

    assert (two.in_crm(), two.refused()) == ([A, B], [["email_taken"], ["email_taken"]])
    (link,) = two.inside.get(two.leads[A], TENANT).links
    assert "To swap the e-mails of two leads" in link.refused[0].remedy


def test_emails_are_swapped_by_a_third_one(two: Two) -> None:
    """As the refusal says: a third e-mail for one lead, a push of the other one, and then the first one's e-mail."""
    two.set(A, B)
    two.set(B, A)

    two.set(A, THIRD)
    two.push(B)
    assert (two.in_crm(), two.refused()) == ([THIRD, A], [[], []])
    two.set(A, B)

    assert (two.in_crm(), two.refused()) == ([B, A], [[], []])


def test_r21_a_push_tries_once_again_what_was_refused(two: Two) -> None:
    """One push is one more try: the value waits again if the CRM refuses it still."""
    two.set(A, B)
    two.simulator.control.reset_calls()

    two.push(A)
    calls = dict(two.simulator.control.calls())
    two.parts.work_off()

    assert (two.in_crm(), two.refused()) == ([A, B], [["email_taken"], []])
    assert (two.simulator.control.calls(), any("update" in route for route in calls)) == (calls, True)
