"""A CRM that takes a write and keeps its own value has refused it: R21, shown, and only that field waits."""

from crm_connector.domain.run import RunKind
from integration.connector import builders
from integration.connector.builders import BOTH, TENANT
from integration.connector.hub import BATCH_UPDATE, Simulator
from integration.connector.rig import Parts
from lead_store_calls import LeadStore
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import policy_pb2

MAPPING = {"email": "email", "first_name": "firstname", "status": "lifecyclestage"}
STAGE = "status"


def refused(lead: lead_pb2.Lead) -> dict[str, str]:
    """Field → reason, of what the CRM refuses."""
    return {one.field: one.reason for link in lead.links for one in link.refused}


def linked(parts: Parts, inside: LeadStore, simulator: Simulator) -> tuple[str, lead_pb2.Lead]:
    """Import a customer: the contact's id, and the lead."""
    record_id = simulator.control.create_contact({"email": "ada@example.com", "lifecyclestage": "customer"})
    made = parts.connect(direction=BOTH, mapping=MAPPING)
    parts.ended(parts.start(made, RunKind.IMPORT))
    parts.work_off()
    (lead,) = inside.all_leads(TENANT)
    return record_id, lead


def test_r21_a_write_that_the_crm_ignores_is_refused_and_shown(
    real_parts: Parts, inside: LeadStore, simulator: Simulator
) -> None:
    """HubSpot moves `lifecyclestage` forward only, and answers 200 with the value that it keeps."""
    record_id, lead = linked(real_parts, inside, simulator)

    inside.update(lead.lead_id, status="lead")
    real_parts.work_off()

    after = inside.get(lead.lead_id, TENANT)
    assert simulator.control.contact(record_id)["properties"]["lifecyclestage"] == "customer"
    assert after.status == "lead"
    assert refused(after) == {STAGE: "write_ignored"}
    work = inside.database.work_items.find_one({"record_id": record_id})
    assert work is not None
    assert (work["outcome"], work["reason"]) == ("refused", "write_ignored")


def test_r21_other_fields_of_the_write_land_and_the_ignored_one_is_not_sent_again(
    real_parts: Parts, inside: LeadStore, simulator: Simulator
) -> None:
    """It is tried again only with another value, and then the refusal is gone."""
    record_id, lead = linked(real_parts, inside, simulator)
    simulator.control.reset_calls()

    inside.update(lead.lead_id, status="lead", first_name="Ada")
    real_parts.work_off()
    assert simulator.control.contact(record_id)["properties"]["firstname"] == "Ada"
    assert refused(inside.get(lead.lead_id, TENANT)) == {STAGE: "write_ignored"}
    inside.update(lead.lead_id, first_name="Augusta")
    real_parts.work_off()
    assert simulator.call_count(BATCH_UPDATE) == 2
    assert refused(inside.get(lead.lead_id, TENANT)) == {STAGE: "write_ignored"}

    inside.update(lead.lead_id, status="evangelist")
    real_parts.work_off()

    contact = simulator.control.contact(record_id)["properties"]
    assert (contact["firstname"], contact["lifecyclestage"]) == ("Augusta", "evangelist")
    assert refused(inside.get(lead.lead_id, TENANT)) == {}


def test_r21_a_write_without_a_base_may_be_ignored_too(
    real_parts: Parts, inside: LeadStore, simulator: Simulator
) -> None:
    """At the first meeting the value before the write is the one that was read."""
    rules = (builders.rule(STAGE, policy_pb2.MERGE_RULE_PLATFORM),)
    lead = inside.create(TENANT, email="ada@example.com", status="lead")
    simulator.control.create_contact({"email": "ada@example.com", "lifecyclestage": "customer"})
    made = real_parts.connect(direction=BOTH, mapping=MAPPING, rules=rules)

    real_parts.ended(real_parts.start(made, RunKind.IMPORT))
    real_parts.work_off()

    assert refused(inside.get(lead.lead_id, TENANT)) == {STAGE: "write_ignored"}
