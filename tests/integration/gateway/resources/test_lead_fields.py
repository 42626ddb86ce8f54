import pytest
from integration.gateway.harness import RunningGateway, run_gateway, token
from leadsync.lead.v1 import lead_field_pb2

pytestmark = pytest.mark.anyio

FIELDS, LEADS = "/api/v1/lead-fields", "/api/v1/leads"
HEAT = {"label": "Heat", "type": "multi_choice", "options": ["hot", "cold"]}


async def test_a_declaration_goes_round() -> None:
    """A custom field is declared by its bare name, and comes back under the name that it has in the rest of the API."""
    async with run_gateway() as gateway:
        put = await gateway.call("PUT", f"{FIELDS}/heat", json=HEAT)
        assert (put.status_code, put.headers["etag"]) == (200, '"1"')
        assert put.json() == HEAT | {"name": "customFields.heat", "standard": False}
        (declared,) = gateway.store.lead_fields.declared.values()
        assert (declared.name, declared.type) == ("custom_fields.heat", lead_field_pb2.FIELD_TYPE_MULTI_CHOICE)
        got = await gateway.call("GET", f"{FIELDS}/heat", "viewer")
        assert (got.json(), got.headers["etag"]) == (put.json(), '"1"')
        listed = (await gateway.call("GET", FIELDS, "viewer")).json()
        standard = {"name": "firstName", "label": "First name", "type": "text", "options": [], "standard": True}
        assert listed == {"leadFields": [standard, put.json()]}
        assert [(await gateway.call("DELETE", f"{FIELDS}/heat")).status_code for _ in range(2)] == [204, 204]
        gone = await gateway.call("GET", f"{FIELDS}/heat")
        assert (gone.status_code, gone.json()["reason"]) == (404, "lead_field_not_found")


async def test_a_declaration_is_found_by_the_name_that_is_shown() -> None:
    """`customFields.heat`, as it is spelt everywhere, and `heat` are the same field; `custom_fields.heat` is none."""
    async with run_gateway() as gateway:
        put = await gateway.call("PUT", f"{FIELDS}/customFields.heat", json=HEAT)
        assert put.json() == HEAT | {"name": "customFields.heat", "standard": False}
        assert (await gateway.call("GET", f"{FIELDS}/heat", "viewer")).json() == put.json()
        assert (await gateway.call("GET", f"{FIELDS}/customFields.heat", "viewer")).json() == put.json()
        assert (await gateway.call("GET", f"{FIELDS}/custom_fields.heat", "viewer")).status_code == 400
        assert (await gateway.call("DELETE", f"{FIELDS}/customFields.heat")).status_code == 204
        assert (await gateway.call("GET", f"{FIELDS}/heat")).status_code == 404


async def test_a_stale_revision_changes_no_declaration() -> None:
    """PUT with If-Match changes only the declaration that was read."""
    async with run_gateway() as gateway:
        number = {"type": "number"}
        await gateway.call("PUT", f"{FIELDS}/revenue", json=number)
        again = await gateway.call("PUT", f"{FIELDS}/revenue", json=number, headers={"if-match": '"1"'})
        assert (again.status_code, again.headers["etag"]) == (200, '"2"')
        stale = await gateway.call("PUT", f"{FIELDS}/revenue", json=number, headers={"if-match": '"1"'})
        assert (stale.status_code, stale.json()["reason"]) == (409, "stale_etag")


async def test_wrong_declarations_are_refused() -> None:
    """Faults name the parts of the declaration, whoever finds them."""
    async with run_gateway() as gateway:
        wrong = await gateway.call("PUT", f"{FIELDS}/heat", json={"type": "money", "options": [""], "standard": True})
        assert {error["field"] for error in wrong.json()["errors"]} == {"type", "options[0]", "standard"}
        twice = await gateway.call("PUT", f"{FIELDS}/heat", json={"type": "choice", "options": ["a", "a"]})
        assert (twice.status_code, twice.json()["errors"][0]["field"]) == (400, "options[1]")


async def _declare(gateway: RunningGateway) -> None:
    for name, kind in (("revenue", "number"), ("vip", "boolean"), ("heat", "multi_choice"), ("day", "date")):
        response = await gateway.call("PUT", f"{FIELDS}/{name}", json={"type": kind})
        assert response.status_code == 200


async def test_typed_values_go_round() -> None:
    """JSON numbers, booleans and arrays go to lead-store as texts and come back; numbers keep all their digits."""
    async with run_gateway() as gateway:
        await _declare(gateway)
        body = b"""{"email": "ann@example.com", "customFields": {
            "revenue": 12345678901234567890.123456789, "vip": false, "heat": ["hot", "cold"], "day": "2026-11-29",
            "note": "12.50"}}"""
        created = await gateway.call("POST", LEADS, content=body)
        assert created.status_code == 201, created.text
        (kept,) = gateway.store.leads.leads.values()
        assert dict(kept.custom_fields) == {
            "revenue": "12345678901234567890.123456789",
            "vip": "false",
            "heat": "hot;cold",
            "day": "2026-11-29",
            "note": "12.50",
        }
        path = created.headers["location"]
        listed = await gateway.call("GET", LEADS, "viewer")
        for response in (created, await gateway.call("GET", path, "viewer"), listed):
            assert '"revenue":12345678901234567890.123456789,' in response.text
            assert '"vip":false' in response.text
            assert '"heat":["hot","cold"]' in response.text
            assert '"day":"2026-11-29"' in response.text
            assert '"note":"12.50"' in response.text
        change = {"customFields": {"revenue": 0, "vip": "true", "heat": [], "day": None}}
        changed = (await gateway.call("PATCH", path, json=change)).json()["customFields"]
        assert changed == {"revenue": 0, "vip": True, "heat": None, "day": None, "note": "12.50"}


async def test_what_is_not_of_its_type_is_shown_as_it_is() -> None:
    """A value that was there before its field was declared comes out as a text, until somebody changes it."""
    async with run_gateway() as gateway:
        values = {"revenue": "about 5", "vip": "yes", "heat": "hot", "day": "soon"}
        created = await gateway.call("POST", LEADS, json={"email": "a@example.com", "customFields": values})
        await _declare(gateway)
        shown = (await gateway.call("GET", created.headers["location"])).json()
        assert shown["customFields"] == values | {"heat": ["hot"]}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("note", 5, "must be a text"),
        ("note", ["a"], "must be a text"),
        ("day", 20261129, "must be a text"),
        ("revenue", True, "must be a number"),
        ("vip", 1, "must be true or false"),
        ("heat", False, "must be an array of choices"),
        ("heat", [None], "must be an array of texts that are not empty and have no `;`"),
        ("heat", ["a;b"], "must be an array of texts that are not empty and have no `;`"),
        ("revenue", {"amount": 5}, "must be a text, a number, true, false or an array of texts"),
    ],
)
async def test_a_value_of_another_json_type_is_refused(name: str, value: object, message: str) -> None:
    """What cannot be a value of its field is 400 with the path of the field, and nothing is sent on."""
    async with run_gateway() as gateway:
        await _declare(gateway)
        body = {"email": "a@example.com", "customFields": {name: value}}
        response = await gateway.call("POST", LEADS, json=body)
        assert (response.status_code, response.json()["reason"]) == (400, "invalid_field")
        assert response.json()["errors"] == [{"field": f"customFields.{name}", "message": message}]
        assert gateway.store.leads.leads == {}


async def test_a_new_type_is_known_when_it_is_needed() -> None:
    """Types are remembered; a value that does not fit what is remembered has them read again."""
    async with run_gateway() as gateway:
        fields = gateway.store.lead_fields
        lead = {"email": "a@example.com", "customFields": {"revenue": "5"}}
        path = (await gateway.call("POST", LEADS, json=lead)).headers["location"]
        for _ in range(3):
            assert (await gateway.call("GET", path)).json()["customFields"] == {"revenue": "5"}
        assert fields.listed == 1
        fields.declare("revenue", lead_field_pb2.FIELD_TYPE_NUMBER)  # by another process
        changed = await gateway.call("PATCH", path, json={"customFields": {"revenue": 6.5}})
        assert (changed.status_code, changed.json()["customFields"]) == (200, {"revenue": 6.5})
        assert fields.listed == 2


async def test_types_are_those_of_the_tenant() -> None:
    """A declaration of one tenant means nothing for another one."""
    async with run_gateway() as gateway:
        await _declare(gateway)
        stranger = {"authorization": f"Bearer {token(tenant='other')}"}
        body = {"email": "a@example.com", "customFields": {"revenue": 5}}
        response = await gateway.call("POST", LEADS, json=body, headers=stranger)
        assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "customFields.revenue")
        listed = (await gateway.call("GET", FIELDS, headers=stranger)).json()["leadFields"]
        assert [field["name"] for field in listed] == ["firstName"]
