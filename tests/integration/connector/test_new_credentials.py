"""A credential that the CRM refuses, and the one after it: HubSpot simulator, real lead-store."""

from crm_connector.domain.changes import Changes
from crm_connector.domain.integration import Credential
from crm_connector.domain.run import RunKind
from integration.connector import hub
from integration.connector.hub import Simulator
from integration.connector.rig import Parts
from lead_store_calls import LeadStore

TENANT, NEW = "tenant-1", "pat-na1-new"


def test_work_that_waits_goes_on_at_once_after_a_new_credential(
    real_parts: Parts, inside: LeadStore, simulator: Simulator
) -> None:
    """An edit that HubSpot refused for its token is written with the new one, without any wait."""
    record_id = simulator.control.create_contact({"email": "a@example.com", "phone": "1"})
    made = real_parts.connect()
    real_parts.ended(real_parts.start(made, RunKind.IMPORT))
    (lead,) = inside.all_leads(TENANT)
    simulator.control.revoke_token(hub.TOKEN)
    inside.update(lead.lead_id, phone="2")
    real_parts.work_off()
    (waiting,) = inside.work()
    assert waiting.reason == "crm_auth_failed"
    assert simulator.control.contact(record_id)["properties"]["phone"] == "1"

    simulator.control.add_token(token=NEW)
    real_parts.integrations.update(
        TENANT, made.integration_id, Changes(credential=Credential.access_token(NEW)), made.etag
    )
    real_parts.work_off()

    assert simulator.control.contact(record_id)["properties"]["phone"] == "2"
