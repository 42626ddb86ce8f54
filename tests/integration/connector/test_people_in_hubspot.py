"""What people do with contacts in HubSpot, and what becomes of their leads: HubSpot simulator, real lead-store.

No event arrives: each change is found by a sweep or an import.
"""

import pytest
from crm_connector.domain.integration import Integration
from crm_connector.domain.run import RunKind
from integration.connector import hub
from integration.connector.builders import BOTH, TENANT
from integration.connector.hub import BATCH_UPDATE, Simulator
from integration.connector.rig import Parts
from lead_store_calls import LeadStore
from leadsync.lead.v1 import lead_field_pb2, lead_pb2
from leadsync.lead.v1.lead_field_service_pb2 import PutLeadFieldRequest

NAMES = ("red", "green", "blue")
COLOURS = {"email": "email", "custom_fields.colours": "colours"}


def imported(parts: Parts, mapping: dict[str, str] | None = None) -> Integration:
    """Connect the account and import its contacts."""
    made = parts.connect(direction=BOTH, **({"mapping": mapping} if mapping else {}))
    parts.ended(parts.start(made, RunKind.IMPORT))
    parts.work_off()
    return made


def define_colours(simulator: Simulator) -> None:
    """Make a property that takes several choices."""
    options = [{"label": name.title(), "value": name} for name in NAMES]
    body = {"name": "colours", "label": "Colours", "groupName": "contactinformation", "type": "enumeration"}
    with hub.http(simulator.url) as api:
        made = api.post("/crm/v3/properties/contacts", json=body | {"fieldType": "checkbox", "options": options})
    assert made.status_code == 201


def swept(parts: Parts, made: Integration) -> None:
    """Sweep, and do what becomes due."""
    parts.sweep().sweep(made)
    parts.work_off()


def lead_of(inside: LeadStore, first_name: str) -> lead_pb2.Lead:
    """The one lead with this first name."""
    (lead,) = [lead for lead in inside.all_leads(TENANT) if lead.first_name == first_name]
    return lead


def linked_to(lead: lead_pb2.Lead) -> list[str]:
    """Ids of the records that a lead is linked to in use."""
    return [link.record_id for link in lead.links if link.state == lead_pb2.LINK_STATE_ACTIVE]


def test_emails_that_are_swapped_in_hubspot_follow_their_contacts(
    real_parts: Parts, inside: LeadStore, simulator: Simulator
) -> None:
    """A link holds by the record's id: no lead is made, none changes its contact, and nothing is written."""
    control = simulator.control
    ada, bob = (control.create_contact({"email": f"{one}@example.com", "firstname": one}) for one in ("Ada", "Bob"))
    made = imported(real_parts)
    for record_id, email in ((ada, "third@example.com"), (bob, "ada@example.com"), (ada, "bob@example.com")):
        control.edit_contact(record_id, {"email": email})

    swept(real_parts, made)

    leads = {lead.first_name: (lead.email, linked_to(lead)) for lead in inside.all_leads(TENANT)}
    assert leads == {"Ada": ("bob@example.com", [ada]), "Bob": ("ada@example.com", [bob])}
    assert control.writes()["total"] == 0


def test_a_contact_that_is_made_again_belongs_to_the_lead_of_the_deleted_one(
    real_parts: Parts, inside: LeadStore, simulator: Simulator
) -> None:
    """An edit of the lead meanwhile makes no contact of a part of its values; it reaches the new one."""
    old = simulator.control.create_contact({"email": "ada@example.com", "firstname": "Ada"})
    made = imported(real_parts)
    simulator.control.delete_contact(old)
    inside.update(lead_of(inside, "Ada").lead_id, phone="7")
    real_parts.work_off()
    assert simulator.control.contacts() == []

    new = simulator.control.create_contact({"email": "ada@example.com", "firstname": "Ada"})
    swept(real_parts, made)

    (lead,) = inside.all_leads(TENANT)
    assert (linked_to(lead), simulator.control.contact(new)["properties"]["phone"]) == ([new], "7")


def test_r15_contacts_that_are_merged_one_after_another_leave_the_lead_of_the_primary(
    real_parts: Parts, inside: LeadStore, simulator: Simulator
) -> None:
    """Each merge makes a new id. The lead of the contact whose values live on keeps it, and not an older one."""
    control = simulator.control
    names = ("Ada", "Bob", "Cy")
    ada, bob, cy = (control.create_contact({"email": f"{one}@example.com", "firstname": one}) for one in names)
    made = imported(real_parts)
    merged = control.merge(cy, control.merge(ada, bob))

    swept(real_parts, made)

    leads = {lead.first_name: (lead.email, linked_to(lead)) for lead in inside.all_leads(TENANT)}
    assert leads == {
        "Ada": ("ada@example.com", []),
        "Bob": ("bob@example.com", []),
        "Cy": ("cy@example.com", [merged]),
    }


def test_r21_an_email_that_was_taken_is_written_once_the_contacts_are_merged(
    real_parts: Parts, inside: LeadStore, simulator: Simulator
) -> None:
    """The contact has it as a further address then, and HubSpot lets it become the first one."""
    control = simulator.control
    ada = control.create_contact({"email": "ada@example.com", "firstname": "Ada"})
    made = imported(real_parts)
    other = control.create_contact({"email": "new@example.com", "lead_source_system": "jazzaam"})
    lead_id = lead_of(inside, "Ada").lead_id
    inside.update(lead_id, email="new@example.com")
    real_parts.work_off()
    assert [one.reason for link in inside.get(lead_id, TENANT).links for one in link.refused] == ["email_taken"]

    merged = control.merge(ada, other)
    swept(real_parts, made)

    assert control.contact(merged)["properties"]["email"] == "new@example.com"
    (link,) = inside.get(lead_id, TENANT).links
    assert (link.record_id, list(link.refused)) == (merged, [])


@pytest.mark.parametrize("declared", [False, True])
def test_several_choices_flow_both_ways(
    real_parts: Parts, inside: LeadStore, simulator: Simulator, declared: bool
) -> None:
    """In any order, and a cleared set of them too; an undeclared lead field holds them as a text."""
    define_colours(simulator)
    if declared:
        kind = lead_field_pb2.FIELD_TYPE_MULTI_CHOICE
        field = lead_field_pb2.LeadField(name="custom_fields.colours", type=kind, options=NAMES)
        inside.lead_fields.PutLeadField(PutLeadFieldRequest(tenant_id=TENANT, field=field), timeout=60)
    contact = simulator.control.create_contact({"email": "ada@example.com", "colours": "red;green"})
    made = imported(real_parts, COLOURS)
    (lead,) = inside.all_leads(TENANT)

    def in_hubspot() -> str:
        return str(simulator.control.contact(contact)["properties"].get("colours", ""))

    assert dict(lead.custom_fields) == {"colours": "green;red"}
    inside.update(lead.lead_id, custom_fields={"colours": "red;blue"})
    real_parts.work_off()
    assert in_hubspot() in {"blue;red", "red;blue"}
    simulator.control.edit_contact(contact, {"colours": "green;blue"})
    swept(real_parts, made)
    assert dict(inside.get(lead.lead_id, TENANT).custom_fields) == {"colours": "blue;green"}
    inside.update(lead.lead_id, custom_fields={"colours": ""})
    real_parts.work_off()
    assert in_hubspot() == ""
    assert simulator.control.writes()["total"] == 2


def test_an_update_that_hubspot_takes_and_does_not_carry_out_is_repeated(
    real_parts: Parts, inside: LeadStore, simulator: Simulator
) -> None:
    """An answer without results and without errors says that nothing was done."""
    contact = simulator.control.create_contact({"email": "ada@example.com", "firstname": "Ada"})
    imported(real_parts)
    simulator.control.reset_calls()
    path = "/crm/v3/objects/contacts/batch/update"
    simulator.control.fault(path=path, status=200, body={"status": "COMPLETE", "results": []})

    inside.update(lead_of(inside, "Ada").lead_id, phone="7")
    real_parts.work_off()

    assert simulator.control.contact(contact)["properties"]["phone"] == "7"
    assert simulator.call_count(BATCH_UPDATE) == 2
