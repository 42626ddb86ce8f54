"""The doctor and the list of properties, against the HubSpot simulator."""

from dataclasses import replace
from typing import Any

import pytest
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.domain.errors import NotFoundError
from crm_connector.domain.integration import Credential, Integration
from crm_connector.domain.transforms import Transform, TransformKind
from crm_connector.providers.hubspot.defaults import DEFAULT_MAPPING
from crm_connector.providers.hubspot.provider import HubSpot
from crm_connector.usecases.check import Check, CheckState
from integration.connector import hub, rig
from integration.connector.hub import Simulator
from integration.connector.rig import PUBLIC, Parts
from pymongo.database import Database

OK, WARNING, FAILED = CheckState.OK, CheckState.WARNING, CheckState.FAILED
NAMES = ["token", "scopes", "properties", "mapping", "quota", "subscriptions", "url"]


@pytest.fixture
def made(parts: Parts) -> Integration:
    """A connected account whose webhooks are enabled."""
    made = parts.connect(mapping=DEFAULT_MAPPING | {"status": "hs_lead_status"})
    parts.webhooks.enable("tenant-1", made.integration_id)
    return made


def examined(parts: Parts, made: Integration, api_url: str = PUBLIC) -> dict[str, Check]:
    """All checks by name."""
    return {check.name: check for check in parts.doctor(api_url).check("tenant-1", made.integration_id)}


def bad(checks: dict[str, Check]) -> dict[str, CheckState]:
    """Those that did not go well; each says what to do."""
    found = {name: check.state for name, check in checks.items() if check.state is not OK}
    assert all(check.finding for check in checks.values())
    assert all(bool(checks[name].fix) is (name in found) for name in checks)
    return found


def test_a_healthy_integration_passes(parts: Parts, made: Integration) -> None:
    """Every check went well and says what it found."""
    checks = examined(parts, made)

    assert (bad(checks), list(checks)) == ({}, NAMES)
    assert "624,9" in checks["quota"].finding


def test_a_revoked_token_fails_its_checks_and_no_others(parts: Parts, made: Integration, simulator: Simulator) -> None:
    """What the token is needed for is not checked, and nothing is thrown."""
    simulator.control.revoke_token(hub.TOKEN)

    checks = examined(parts, made)

    assert bad(checks) == dict.fromkeys(["token", "scopes", "properties", "mapping", "quota"], FAILED)
    assert "new token" in checks["token"].fix


def test_a_crm_that_is_away_is_reported(parts: Parts, made: Integration, simulator: Simulator) -> None:
    """Also the subscriptions fail their check then."""
    simulator.control.fault(status=503, times=None)

    assert bad(examined(parts, made)) == {name: FAILED for name in NAMES if name != "url"}


def test_a_token_of_another_account_is_reported(parts: Parts, made: Integration, simulator: Simulator) -> None:
    """The account must still be the one that was connected."""
    simulator.control.add_portal(777, int(hub.APP_ID))
    credential = Credential.access_token(simulator.control.add_token(portal_id=777))
    sealed = parts.vault.seal(made.integration_id, credential)
    parts.repository.replace(replace(made, revision=9, webhooks_enabled=True), 2, sealed)

    checks = examined(parts, made)

    assert checks["token"].state is FAILED
    assert "account 777" in checks["token"].finding


def test_an_unreadable_credential_is_reported(parts: Parts, made: Integration) -> None:
    """A lost key is a failed check."""
    sealed = parts.vault.seal("another", Credential.access_token(hub.TOKEN))
    parts.repository.replace(replace(made, revision=9, webhooks_enabled=True), 2, sealed)

    assert "LEADSYNC_SECRET_KEY" in examined(parts, made)["token"].fix


def test_missing_scopes_are_reported(parts: Parts, made: Integration, simulator: Simulator) -> None:
    """By name; what else the token may do is checked."""
    simulator.control.revoke_token(hub.TOKEN)
    scopes = ["oauth", "crm.objects.contacts.read", "crm.schemas.contacts.write"]
    simulator.control.add_token(token=hub.TOKEN, scopes=scopes)

    checks = examined(parts, made)

    assert bad(checks) == {"scopes": FAILED}
    assert "crm.objects.contacts.write" in checks["scopes"].finding


def test_a_mapping_that_works_for_some_values_is_pointed_out(parts: Parts) -> None:
    """Such a mapping may be saved, since it can be what somebody wants; what an account has lost since is a failure."""
    mapping = {"email": "email", "status": "lifecyclestage", "phone": "numemployees"}
    steps = {"status": (Transform(TransformKind.OPTIONS, options=(("lead", "new"),)),)}
    made = parts.connect(mapping=mapping, transforms=steps)
    parts.webhooks.enable("tenant-1", made.integration_id)

    checks = examined(parts, made)

    assert bad(checks) == {"mapping": WARNING}
    assert "forward only" in checks["mapping"].finding
    assert "phone: `numemployees` takes numbers only" in checks["mapping"].finding

    gone = {"status": (Transform(TransformKind.OPTIONS, options=(("ghost", "new"),)),)}
    parts.repository.replace(replace(made, revision=9, transforms=gone, webhooks_enabled=True), 2)
    assert "has no option `ghost`" in examined(parts, made)["mapping"].finding
    assert bad(examined(parts, made)) == {"mapping": FAILED}


def test_broken_properties_are_reported(parts: Parts, made: Integration, simulator: Simulator) -> None:
    """Our marks and the mapped properties, each by name."""
    with hub.http(simulator.url) as api:
        for name in ("leadsync_lead_id", "lead_source_system"):
            assert api.delete(f"/crm/v3/properties/contacts/{name}").status_code == 204
        body: dict[str, Any] = {"name": "lead_source_system", "label": "x", "groupName": "contactinformation"}
        option = {"label": "Fair", "value": "fair", "hidden": False, "displayOrder": 0}
        body |= {"type": "enumeration", "fieldType": "select", "options": [option]}
        assert api.post("/crm/v3/properties/contacts", json=body).status_code == 201
    mapping = {"email": "email", "phone": "no_such_property", "status": "hs_object_id"}
    parts.repository.replace(replace(made, revision=9, mapping=mapping), 2)

    checks = examined(parts, made)

    assert (checks["properties"].state, checks["mapping"].state) == (FAILED, FAILED)
    assert "`leadsync_lead_id`" in checks["properties"].finding
    assert "lacks the options jazzaam, hubspot, manual" in checks["properties"].finding
    assert "phone: The CRM has no property `no_such_property`" in checks["mapping"].finding
    assert "status: The CRM calculates" in checks["mapping"].finding


def test_a_mark_of_another_kind_is_reported(parts: Parts, made: Integration, simulator: Simulator) -> None:
    """A lead mark that is not unique cannot serve."""
    with hub.http(simulator.url) as api:
        assert api.delete("/crm/v3/properties/contacts/leadsync_lead_id").status_code == 204
        body = {"name": "leadsync_lead_id", "label": "x", "groupName": "contactinformation", "type": "string"}
        assert api.post("/crm/v3/properties/contacts", json=body | {"fieldType": "text"}).status_code == 201

    assert "unique" in examined(parts, made)["properties"].finding


def test_wrong_subscriptions_are_reported(parts: Parts, made: Integration, simulator: Simulator) -> None:
    """The address, what is missing and what is paused."""
    subscriptions = [
        {"eventType": "contact.creation", "active": False},
        {"eventType": "contact.deletion", "active": True},
    ]
    simulator.control.set_webhooks("https://old.example.com", subscriptions)

    checks = examined(parts, made)

    assert bad(checks) == {"subscriptions": FAILED}
    finding = checks["subscriptions"].finding
    assert "https://old.example.com instead of https://leads.example.com/api/v1/webhooks/hubspot" in finding
    assert "contact.merge" in finding
    assert "contact.propertyChange jobtitle" in finding
    assert "Paused: contact.creation." in finding


def test_a_slash_at_the_end_of_the_address_is_no_fault(parts: Parts, made: Integration, simulator: Simulator) -> None:
    """The gateway serves the address with a slash at its end too."""
    simulator.control.set_webhooks("https://leads.example.com/api/v1/webhooks/hubspot/", [])

    assert "instead of" not in examined(parts, made)["subscriptions"].finding


def test_disabled_webhooks_are_a_warning(parts: Parts, made: Integration) -> None:
    """The sweep still brings changes."""
    parts.webhooks.disable("tenant-1", made.integration_id)

    assert bad(examined(parts, made)) == {"subscriptions": WARNING}


def test_without_an_api_the_fix_says_what_to_click(
    db: Database[dict[str, Any]], store: GrpcLeadStore, simulator: Simulator
) -> None:
    """Nobody can say whether a private app's subscriptions are right."""
    with hub.hubspot(simulator.url, developer_key="") as keyless:
        parts = rig.wired(db, {"hubspot": keyless}, store)
        made = parts.connect()
        parts.webhooks.enable("tenant-1", made.integration_id)
        checks = examined(parts, made)

    assert bad(checks) == {"subscriptions": WARNING}
    assert "Private Apps" in checks["subscriptions"].fix


class OnTheInternet(HubSpot):
    """The simulator, which says that it is not on this machine."""

    @property
    def base_url(self) -> str:
        """A public address."""
        return "https://api.hubapi.com"


def test_a_private_address_is_reported(
    parts: Parts, made: Integration, db: Database[dict[str, Any]], simulator: Simulator
) -> None:
    """A simulator on this machine can call it, HubSpot cannot."""
    assert bad(examined(parts, made, "http://127.0.0.1:8080")) == {"url": WARNING}

    with hub.hubspot(simulator.url, kind=OnTheInternet) as provider:
        public = rig.wired(db, {"hubspot": provider}, parts.store)
        assert bad(examined(public, made, "http://127.0.0.1:8080")) == {"url": FAILED}


@pytest.mark.parametrize(("spent", "state"), [(0.95, WARNING), (1.0, FAILED)])
def test_a_quota_that_runs_out_is_reported(
    parts: Parts, made: Integration, simulator: Simulator, spent: float, state: CheckState
) -> None:
    """Below a tenth it is a warning, at nothing a failure."""
    left = round(1_000 * (1 - spent))
    headers = {"X-HubSpot-RateLimit-Daily": "1000", "X-HubSpot-RateLimit-Daily-Remaining": str(left)}
    properties = {"results": [{"name": name} for name in made.mapping.values()]}
    simulator.control.fault(path="/crm/v3/properties/contacts", status=200, body=properties, headers=headers)

    checks = examined(parts, made)

    assert checks["quota"].state is state
    assert f"{left} of 1,000" in checks["quota"].finding


def test_an_unknown_integration_is_not_found(parts: Parts, made: Integration) -> None:
    """L9: also another tenant's."""
    with pytest.raises(NotFoundError):
        parts.doctor().check("tenant-2", made.integration_id)


def test_the_properties_are_listed_with_what_is_mapped(parts: Parts, made: Integration) -> None:
    """Label, type, options and whether it may be written; our own marks are nobody's to map."""
    fields = {
        field.property: (field, mapped) for field, mapped in parts.integrations.fields("tenant-1", made.integration_id)
    }

    assert (fields["jobtitle"][0].label, fields["jobtitle"][0].type) == ("Job Title", "string")
    assert (fields["jobtitle"][1], fields["city"][1]) == ("job_title", "")
    status, mapped = fields["hs_lead_status"]
    assert (mapped, status.type, ("NEW", "New") in status.options) == ("status", "enumeration", True)
    assert (status.read_only, fields["hs_object_id"][0].read_only) == (False, True)
    assert {"leadsync_lead_id", "lead_source_system"}.isdisjoint(fields)
    assert list(fields) == sorted(fields)
