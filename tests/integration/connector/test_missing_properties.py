"""A mapped property that an account no longer has: a value that is set on the platform is refused and shown (R21)."""

from typing import Any

import pytest
from crm_connector.domain.run import RunKind
from integration.connector import hub
from integration.connector.builders import BOTH, TENANT
from integration.connector.hub import BATCH_UPDATE, Simulator
from integration.connector.rig import Parts
from lead_store_calls import LeadStore
from leadsync.lead.v1 import lead_pb2

PROPERTIES = "/crm/v3/properties/contacts"
TITLE: dict[str, Any] = {"name": "title", "label": "Title", "groupName": "contactinformation", "type": "string"}
MAPPING = {"email": "email", "first_name": "firstname", "job_title": "title"}


def refused(lead: lead_pb2.Lead) -> dict[str, str]:
    """Field → reason, of what the CRM refuses."""
    return {one.field: one.reason for link in lead.links for one in link.refused}


def define(simulator: Simulator) -> None:
    """Make the property."""
    with hub.http(simulator.url) as api:
        assert api.post(PROPERTIES, json=TITLE | {"fieldType": "text"}).status_code == 201


@pytest.fixture
def contact(real_parts: Parts, inside: LeadStore, simulator: Simulator) -> tuple[str, str]:
    """A contact that is linked to a lead, and whose property is archived then: both ids."""
    define(simulator)
    record_id = simulator.control.create_contact({"email": "ada@example.com", "title": "Countess"})
    made = real_parts.connect(direction=BOTH, mapping=MAPPING)
    real_parts.ended(real_parts.start(made, RunKind.IMPORT))
    real_parts.work_off()
    (lead,) = inside.all_leads(TENANT)
    with hub.http(simulator.url) as api:
        assert api.delete(f"{PROPERTIES}/title").status_code == 204
    simulator.control.reset_calls()
    return record_id, lead.lead_id


def test_r21_a_value_without_a_property_is_refused_and_shown(
    contact: tuple[str, str], real_parts: Parts, inside: LeadStore, simulator: Simulator
) -> None:
    """Other fields flow. A field that nobody changed is not refused, nor one that is set back."""
    record_id, lead_id = contact
    inside.update(lead_id, first_name="Ada")
    real_parts.work_off()
    assert refused(inside.get(lead_id, TENANT)) == {}

    inside.update(lead_id, job_title="Programmer", first_name="Augusta")
    real_parts.work_off()

    assert refused(inside.get(lead_id, TENANT)) == {"job_title": "property_missing"}
    assert simulator.control.contact(record_id)["properties"]["firstname"] == "Augusta"
    assert simulator.call_count(BATCH_UPDATE) == 2
    inside.update(lead_id, job_title="Countess")
    real_parts.work_off()
    assert refused(inside.get(lead_id, TENANT)) == {}
    assert simulator.call_count(BATCH_UPDATE) == 2


def test_r21_a_value_flows_once_its_property_is_back(
    contact: tuple[str, str], real_parts: Parts, inside: LeadStore, simulator: Simulator
) -> None:
    """The refusal ends with the next reading that shows the property."""
    record_id, lead_id = contact
    inside.update(lead_id, job_title="Programmer")
    real_parts.work_off()
    assert refused(inside.get(lead_id, TENANT)) == {"job_title": "property_missing"}

    define(simulator)
    inside.update(lead_id, first_name="Ada")
    real_parts.work_off()

    assert simulator.control.contact(record_id)["properties"]["title"] == "Programmer"
    assert refused(inside.get(lead_id, TENANT)) == {}
