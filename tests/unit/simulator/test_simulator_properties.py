"""The properties API."""

from typing import Any

from unit.simulator.support import CONTACTS, RunningSimulator

PATH = "/crm/v3/properties/contacts"


def definition(**more: Any) -> dict[str, Any]:
    """The body of a property create."""
    base = {"name": "lead_status", "label": "Lead status", "groupName": "contactinformation"}
    return base | {"type": "enumeration", "fieldType": "select", "options": [{"label": "New", "value": "NEW"}]} | more


def test_default_properties_are_described(hubspot: RunningSimulator) -> None:
    """HubSpot's own properties exist, and say what may be changed."""
    results = hubspot.api.get(PATH).json()["results"]
    found = {one["name"]: one for one in results}
    assert found["lastmodifieddate"]["modificationMetadata"]["readOnlyValue"] is True
    assert found["email"]["modificationMetadata"]["readOnlyValue"] is False
    assert found["email"]["hubspotDefined"] is True
    assert {"value": "NEW"}.items() <= found["hs_lead_status"]["options"][0].items()
    assert hubspot.api.get(f"{PATH}/createdate").json()["type"] == "datetime"
    assert hubspot.api.get(f"{PATH}/nonsense").status_code == 404


def test_create_change_archive(hubspot: RunningSimulator) -> None:
    """A property is created with 201, once; its options can be replaced, and it can be archived."""
    made = hubspot.api.post(PATH, json=definition())
    assert made.status_code == 201
    assert made.json()["options"][0] == {"label": "New", "value": "NEW", "displayOrder": 0, "hidden": False}
    again = hubspot.api.post(PATH, json=definition())
    assert (again.status_code, again.json()["category"]) == (409, "OBJECT_ALREADY_EXISTS")
    assert again.json()["subCategory"] == "Properties.PROPERTY_WITH_NAME_EXISTS"
    hubspot.post("", {"properties": {"firstname": "A", "lead_status": "OLD"}}, 400)
    options = [{"label": "New", "value": "NEW"}, {"label": "Old", "value": "OLD"}]
    assert hubspot.api.patch(f"{PATH}/lead_status", json={"options": options}).status_code == 200
    hubspot.post("", {"properties": {"firstname": "A", "lead_status": "OLD"}}, 201)
    assert hubspot.api.delete(f"{PATH}/lead_status").status_code == 204
    hubspot.post("", {"properties": {"firstname": "A", "lead_status": "OLD"}}, 400)
    assert hubspot.api.delete(f"{PATH}/email").status_code == 400


def test_incomplete_definitions_are_refused(hubspot: RunningSimulator) -> None:
    """A definition needs its fields, a known group, a fitting field type, and options if it is a choice."""
    for more in ({"label": ""}, {"groupName": "nowhere"}, {"fieldType": "date"}, {"type": "wish"}):
        assert hubspot.api.post(PATH, json=definition(**more)).status_code == 400
    body = definition()
    del body["options"]
    assert hubspot.api.post(PATH, json=body).status_code == 400


def test_groups(hubspot: RunningSimulator) -> None:
    """Groups can be created once and used by properties."""
    group = {"name": "leadsync", "label": "leadsync", "displayOrder": -1}
    made = hubspot.api.post(f"{PATH}/groups", json=group)
    assert (made.status_code, made.json()) == (201, {**group, "archived": False})
    assert hubspot.api.post(f"{PATH}/groups", json=group).status_code == 409
    assert hubspot.api.post(PATH, json=definition(groupName="leadsync")).json()["groupName"] == "leadsync"
    assert hubspot.api.delete(f"{PATH}/groups/leadsync").status_code == 400


def test_batch_create_is_multi_status(hubspot: RunningSimulator) -> None:
    """A batch create answers 207 with the one that exists, and creates the other."""
    hubspot.api.post(PATH, json=definition())
    answer = hubspot.api.post(f"{PATH}/batch/create", json={"inputs": [definition(), definition(name="other")]})
    assert answer.status_code == 207
    assert answer.json()["errors"][0]["context"]["name"] == ["lead_status"]
    assert [one["name"] for one in answer.json()["results"]] == ["other"]


def test_multiple_choice_appends_with_a_leading_semicolon(hubspot: RunningSimulator) -> None:
    """A value that starts with `;` is added to the choices that are there."""
    options = [{"label": one, "value": one} for one in ("a", "b", "c")]
    hubspot.api.post(PATH, json=definition(fieldType="checkbox", options=options))
    made = hubspot.create(firstname="A", lead_status="a;b")
    hubspot.control.edit_contact(made, {"lead_status": ";c"})
    assert hubspot.control.contact(made)["properties"]["lead_status"] == "a;b;c"


def test_sensitive_properties_need_scopes_of_their_own(hubspot: RunningSimulator) -> None:
    """A list of definitions leaves them out, and a call that names one is refused as a whole."""
    made = hubspot.create(firstname="A")
    body = definition(name="passport", type="string", fieldType="text", dataSensitivity="sensitive")
    assert hubspot.api.post(PATH, json=body).status_code == 201
    assert "passport" not in {one["name"] for one in hubspot.api.get(PATH).json()["results"]}
    found = hubspot.api.get(PATH, params={"dataSensitivity": "sensitive"}).json()["results"]
    assert [one["name"] for one in found] == ["passport"]

    names, written = ["firstname", "passport"], {"id": made, "properties": {"passport": "1"}}
    refused = hubspot.post("/search", {"properties": names}, 403)
    assert refused["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.contacts.sensitive.read.v2"]
    hubspot.post("/batch/read", {"inputs": [{"id": made}], "properties": names}, 403)
    hubspot.post("/batch/update", {"inputs": [{"id": made, "properties": {"firstname": "B"}}, written]}, 403)
    assert hubspot.api.get(CONTACTS, params={"properties": "passport"}).status_code == 403
    assert hubspot.api.patch(f"{CONTACTS}/{made}", json={"properties": {"passport": "1"}}).status_code == 403
    hubspot.post("/batch/update", {"inputs": [{"id": made, "properties": {"firstname": "B"}}]})
