"""The demo's checklist: platform to HubSpot, HubSpot to platform, edits, webhook status."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from hubspot_simulator.client import ControlClient, ControlError

from leadsync_cli.demo.checklist import Checklist
from leadsync_cli.errors import CommandError
from leadsync_cli.gateway.client import Gateway, connect
from leadsync_cli.settings import Settings
from leadsync_cli.suite.catalogue import SIMULATED_ACCOUNT, simulator_url

Json = dict[str, Any]

SOON = 5.0  # seconds that a change may take
RECENT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Stage:
    """A suite to play on. `run` makes names unique; `log` returns what a component has logged."""

    gateway: Gateway
    hubspot: ControlClient
    integration_id: str
    platform: str
    run: str
    log: Callable[[str], str]

    def email(self, name: str) -> str:
        """Return an address that only this run uses."""
        return f"{name}.{self.run}@example.com"

    def leads(self, email: str) -> list[Json]:
        """Return the platform's leads with this e-mail."""
        found: list[Json] = self.gateway.get("/leads", email=email)["leads"]
        return found

    def contacts(self, email: str) -> list[Json]:
        """Return the CRM's contacts with this e-mail."""
        return [one for one in self.hubspot.contacts() if one["properties"].get("email") == email]

    def contact(self, contact_id: str) -> Json:
        """Return the properties of a contact."""
        found: Json = self.hubspot.contact(contact_id)["properties"]
        return found

    def skipped(self) -> int:
        """Return how many records were ignored on purpose so far."""
        status = self.gateway.get("/crm-integration/sync-status", integrationId=self.integration_id)
        return int(status["fromCrm"]["skipped"])


def play(settings: Settings, log: Callable[[str], str], checklist: Checklist) -> None:
    """Play all scenarios on a suite.

    Raises CommandError if the simulator fails, or if its account is not connected.
    """
    with connect(settings) as gateway, ControlClient(simulator_url(settings.ports)) as hubspot:
        stage = _stage(gateway, hubspot, settings, log)
        try:
            platform_to_hubspot(stage, checklist)
            if pair := hubspot_to_platform(stage, checklist):
                edits(stage, checklist, *pair)
            webhook_status(stage, checklist)
        except (ControlError, httpx.HTTPError) as error:
            raise CommandError("simulator_failed", f"{type(error).__name__}: {error}") from error


def _stage(gateway: Gateway, hubspot: ControlClient, settings: Settings, log: Callable[[str], str]) -> Stage:
    """Return the suite with the integration of the simulator's account. Raises CommandError if there is none."""
    for item in gateway.get("/crm-integration")["integrations"]:
        if str(item.get("portalId")) == SIMULATED_ACCOUNT:
            run = f"{time.time_ns():x}"[-10:]
            return Stage(gateway, hubspot, str(item["id"]), settings.platform, run, log)
    raise CommandError(
        "integration_not_found", f"HubSpot account {SIMULATED_ACCOUNT} of the simulator is not connected."
    )


def platform_to_hubspot(stage: Stage, checklist: Checklist) -> None:
    """Test 1: a lead made on the platform reaches HubSpot, and its own webhook makes no duplicate."""
    checklist.scenario("Test 1: platform to HubSpot, no duplicate")
    email, before = stage.email("ada"), stage.skipped()
    body = {"email": email, "firstName": "Ada", "lastName": f"Platform {stage.run}", "company": "Analytical Engines"}
    lead = checklist.check("a lead is created on the platform", lambda: stage.gateway.post("/leads", body))
    contacts = checklist.check("the lead appears in HubSpot", lambda: stage.contacts(email), SOON)
    if not lead or not contacts:
        return
    contact_id, properties = str(contacts[0]["id"]), contacts[0]["properties"]
    marked = properties.get("lead_source_system") == stage.platform
    checklist.check(f"its lead_source_system is {stage.platform}", lambda: marked)
    checklist.check("HubSpot's webhook about it was delivered", lambda: _delivered(stage, contact_id), SOON)
    checklist.check("the skipped counter went up", lambda: stage.skipped() > before, SOON)
    logged = f"Skipping contact {contact_id} - originated from our platform"
    checklist.check(f'the log says "{logged}"', lambda: logged in stage.log("lead-store"), SOON)
    alone = lambda: [one["id"] for one in stage.leads(email)] == [lead["id"]] and len(stage.contacts(email)) == 1  # noqa: E731
    checklist.check("there is still one lead and one contact", alone)


def hubspot_to_platform(stage: Stage, checklist: Checklist) -> tuple[str, str] | None:
    """Test 2: a contact made in HubSpot becomes a lead. Returns the ids of contact and lead."""
    checklist.scenario("Test 2: HubSpot to platform, in real time")
    email = stage.email("grace")
    properties = {"email": email, "firstname": "Grace", "lastname": f"HubSpot {stage.run}"}
    contact_id = checklist.check(
        "a person creates a contact in HubSpot", lambda: stage.hubspot.create_contact(properties)
    )
    leads = checklist.check("a lead appears on the platform", lambda: stage.leads(email), SOON)
    if not contact_id or not leads:
        return None
    lead = leads[0]
    origin = lead["crmMetadata"]["sourceSystem"]
    checklist.check("its crmMetadata.sourceSystem is hubspot", lambda: origin == "hubspot")
    checklist.check("it is one lead", lambda: len(stage.leads(email)) == 1)
    logged = f"Lead created: {lead['id']}"
    checklist.check(f'the log says "{logged}"', lambda: logged in stage.log("lead-store"), SOON)
    return contact_id, str(lead["id"])


def edits(stage: Stage, checklist: Checklist, contact_id: str, lead_id: str) -> None:
    """Test 3: an edit in HubSpot reaches the platform, and one on the platform reaches HubSpot."""
    checklist.scenario("Test 3: edits, both ways")
    title, company = f"Rear Admiral {stage.run}", f"Compilers {stage.run}"
    checklist.check(
        "a person edits the contact in HubSpot", lambda: stage.hubspot.edit_contact(contact_id, {"jobtitle": title})
    )
    arrived = lambda: stage.gateway.get(f"/leads/{lead_id}")["jobTitle"] == title  # noqa: E731
    checklist.check("the lead shows it", arrived, SOON)
    logged = f"Lead updated: {lead_id}"
    checklist.check(f'the log says "{logged}"', lambda: logged in stage.log("lead-store"), SOON)
    checklist.check(
        "the lead is edited on the platform", lambda: stage.gateway.patch(f"/leads/{lead_id}", {"company": company})
    )
    checklist.check("the contact shows it", lambda: stage.contact(contact_id).get("company") == company, SOON)
    both = lambda: stage.gateway.get(f"/leads/{lead_id}")["jobTitle"] == title  # noqa: E731
    checklist.check("the edit made in HubSpot is still there", both)


def webhook_status(stage: Stage, checklist: Checklist) -> None:
    """Test 4: the webhook status counts what has arrived."""
    checklist.scenario("Test 4: webhook status")
    path = f"/crm-integration/{stage.integration_id}/webhook-status"
    status = checklist.check("the status answers", lambda: stage.gateway.get(path)) or {}
    checklist.check("webhooks are enabled", lambda: status.get("enabled"))
    checklist.check("totalReceived is above 0", lambda: (status.get("totalReceived") or 0) > 0)
    checklist.check("lastReceivedAt is recent", lambda: _recent(status.get("lastReceivedAt")))


def _delivered(stage: Stage, contact_id: str) -> bool:
    """Return whether a webhook that names the contact was delivered."""
    return any(
        delivery["state"] == "delivered"
        and any(str(event.get("objectId")) == contact_id for event in delivery["events"])
        for delivery in stage.hubspot.deliveries()
    )


def _recent(text: str | None) -> bool:
    """Return whether an RFC 3339 time lies within the last minute."""
    return bool(text) and datetime.now(UTC) - datetime.fromisoformat(str(text)) < RECENT
