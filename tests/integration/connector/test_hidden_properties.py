"""A mapped property that the token may not see any more stops nothing else: HubSpot simulator, real lead-store."""

from typing import Any

import pytest
from crm_connector.domain.integration import Integration
from crm_connector.domain.run import RunKind
from integration.connector import hub
from integration.connector.builders import BOTH, TENANT
from integration.connector.hub import BATCH_READ, LIST, SEARCH, Simulator
from integration.connector.rig import Parts
from lead_store_calls import LeadStore
from leadsync.lead.v1 import lead_pb2

PROPERTIES = "/crm/v3/properties/contacts"
PASSPORT: dict[str, Any] = {
    "name": "passport",
    "label": "Passport",
    "groupName": "contactinformation",
    "type": "string",
    "fieldType": "text",
}
MAPPING = {"email": "email", "first_name": "firstname", "job_title": "passport"}


def refused(lead: lead_pb2.Lead) -> dict[str, str]:
    """Field → reason, of what the CRM refuses."""
    return {one.field: one.reason for link in lead.links for one in link.refused}


@pytest.fixture
def made(real_parts: Parts, simulator: Simulator) -> Integration:
    """An imported contact; then a person makes its property anew, as one of sensitive data."""
    with hub.http(simulator.url) as api:
        assert api.post(PROPERTIES, json=PASSPORT).status_code == 201
        simulator.control.create_contact({"email": "ada@example.com", "passport": "X1"})
        made = real_parts.connect(direction=BOTH, mapping=MAPPING)
        real_parts.ended(real_parts.start(made, RunKind.IMPORT))
        assert api.delete(f"{PROPERTIES}/passport").status_code == 204
        assert api.post(PROPERTIES, json=PASSPORT | {"dataSensitivity": "sensitive"}).status_code == 201
    simulator.control.reset_calls()
    return made


@pytest.mark.usefixtures("made")
def test_r21_only_the_field_of_a_hidden_property_is_refused(
    real_parts: Parts, inside: LeadStore, simulator: Simulator
) -> None:
    """The others flow both ways; a value for the hidden one is refused and shown. HubSpot is asked once."""
    (lead,) = inside.all_leads(TENANT)
    (contact,) = simulator.control.contacts()

    inside.update(lead.lead_id, first_name="Ada", job_title="X2")
    real_parts.work_off()
    inside.update(lead.lead_id, first_name="Augusta")
    real_parts.work_off()

    assert simulator.control.contact(contact["id"])["properties"]["firstname"] == "Augusta"
    after = inside.get(lead.lead_id, TENANT)
    assert (after.job_title, refused(after)) == ("X2", {"job_title": "property_missing"})
    statuses = simulator.control.call_log()["statuses"]
    assert (statuses["403"], simulator.call_count(f"GET {PROPERTIES}")) == (1, 1)


def test_a_hidden_property_stops_neither_sweep_nor_import(
    real_parts: Parts, made: Integration, inside: LeadStore, simulator: Simulator
) -> None:
    """Pages are read without it, and what is known of it stays."""
    simulator.control.create_contact({"email": "bob@example.com"})

    real_parts.sweep().sweep(made)
    run = real_parts.ended(real_parts.start(made, RunKind.IMPORT))

    assert (run.state.value, run.outcomes.get("failed", 0)) == ("succeeded", 0)
    leads = {lead.email: lead.job_title for lead in inside.all_leads(TENANT)}
    assert leads == {"ada@example.com": "X1", "bob@example.com": ""}
    assert simulator.call_count(SEARCH) + simulator.call_count(LIST) + simulator.call_count(BATCH_READ) < 8


def test_a_new_lead_becomes_a_contact_without_a_hidden_property(
    real_parts: Parts, made: Integration, inside: LeadStore, simulator: Simulator
) -> None:
    """The contact is created, and the field waits, shown."""
    lead = inside.create(TENANT, email="bob@example.com", first_name="Bob", job_title="X3")
    real_parts.work_off()

    assert made.mapping == MAPPING
    contact = next(one for one in simulator.control.contacts() if one["properties"]["email"] == "bob@example.com")
    assert contact["properties"]["firstname"] == "Bob"
    assert refused(inside.get(lead.lead_id, TENANT)) == {"job_title": "property_missing"}
