"""Connecting, changing and disconnecting accounts, on real storage and the HubSpot simulator."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.crm import CrmSubscription
from crm_connector.domain.changes import Changes, OAuthCode
from crm_connector.domain.errors import (
    AuthFailedError,
    ConnectorError,
    CrmError,
    ExistsError,
    InvalidError,
    MissingScopesError,
    NotFoundError,
    PreconditionError,
    StaleEtagError,
    StoreUnavailableError,
)
from crm_connector.domain.integration import Credential, CredentialKind, Integration
from crm_connector.domain.run import RunKind
from crm_connector.domain.transforms import Transform, TransformKind
from crm_connector.providers.hubspot.defaults import DEFAULT_MAPPING
from crm_connector.providers.hubspot.provider import HubSpot
from crm_connector.usecases.upkeep import Upkeep
from integration.connector import builders, hub, rig
from integration.connector.builders import FROM_CRM
from integration.connector.hub import Simulator
from integration.connector.lead_store_double import StoreDouble
from integration.connector.rig import Parts
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import policy_pb2
from pymongo.database import Database


def _properties(simulator: Simulator) -> dict[str, Any]:
    """Property definitions in HubSpot."""
    with hub.http(simulator.url) as api:
        found = api.get("/crm/v3/properties/contacts").json()["results"]
    return {definition["name"]: definition for definition in found}


def _secret(parts: Parts, made: Integration) -> str:
    """The secret that is sealed in the database."""
    (secret,) = parts.vault.open(made.integration_id, parts.repository.sealed(made.integration_id)).secrets.values()
    return secret


def test_connecting_reads_the_account_and_puts_the_target(parts: Parts, double: StoreDouble) -> None:
    """Account and app come from the token; the target names every mapped field."""
    made = parts.connect()

    assert (made.account_id, made.app_id, made.etag) == (hub.PORTAL_ID, hub.APP_ID, "1")
    assert made == parts.integrations.get("tenant-1", made.integration_id)
    target = double.targets[made.integration_id]
    assert (made.account_id, 1) == (target.account_id, target.revision)
    assert target.policy.direction == lead_pb2.DIRECTION_BIDIRECTIONAL
    assert sorted(DEFAULT_MAPPING) == list(target.mapped_fields)
    assert made.field_mapping.fingerprint == target.mapping_fingerprint


def test_connecting_sets_up_both_marks(parts: Parts, simulator: Simulator) -> None:
    """The origin mark is a select with its options, the lead mark is unique."""
    parts.connect()

    found = _properties(simulator)
    assert [o["value"] for o in found["lead_source_system"]["options"]] == ["jazzaam", "hubspot", "manual"]
    assert (found["lead_source_system"]["type"], found["lead_source_system"]["fieldType"]) == ("enumeration", "select")
    assert found["leadsync_lead_id"]["hasUniqueValue"]


def test_missing_options_are_added_and_others_kept(parts: Parts, simulator: Simulator) -> None:
    """An origin mark that is there keeps its options and gets ours."""
    option = {"label": "Fair", "value": "fair", "hidden": False, "displayOrder": 0}
    with hub.http(simulator.url) as api:
        body: dict[str, Any] = {"name": "lead_source_system", "label": "Source", "groupName": "contactinformation"}
        body |= {"type": "enumeration", "fieldType": "select", "options": [option]}
        assert api.post("/crm/v3/properties/contacts", json=body).status_code == 201

    parts.connect()

    options = {o["value"]: o["label"] for o in _properties(simulator)["lead_source_system"]["options"]}
    assert options == {"fair": "Fair", "jazzaam": "Your Platform", "hubspot": "HubSpot CRM", "manual": "Manual Entry"}


@pytest.mark.parametrize("name", ["leadsync_lead_id", "lead_source_system"])
def test_a_mark_of_another_kind_is_a_conflict(parts: Parts, simulator: Simulator, name: str) -> None:
    """A property of the same name that cannot serve is refused, saying what to do."""
    with hub.http(simulator.url) as api:
        body = {"name": name, "label": "x", "groupName": "contactinformation", "type": "string", "fieldType": "text"}
        assert api.post("/crm/v3/properties/contacts", json=body).status_code == 201

    with pytest.raises(PreconditionError, match="delete or rename it") as caught:
        parts.connect()

    assert caught.value.reason == "property_conflict"


@pytest.mark.parametrize(
    ("mapping", "path"),
    [
        ({"email": "no_such_property"}, "field_mapping.email"),
        ({"email": "email", "phone": "leadsync_lead_id"}, "field_mapping.phone"),
        ({"status": "hs_object_id"}, "field_mapping.status"),
    ],
)
def test_a_mapping_that_hubspot_cannot_take_names_its_field(parts: Parts, mapping: dict[str, str], path: str) -> None:
    """Unknown properties, our own marks and calculated ones are refused before anything is set up."""
    with pytest.raises(InvalidError) as caught:
        parts.connect(mapping=mapping)

    assert ("invalid_field_mapping", path) == (caught.value.reason, caught.value.field)


def test_the_default_mapping_speaks_of_the_lead_status_in_the_platforms_words(parts: Parts) -> None:
    """A new integration that names no mapping maps all standard fields, and HubSpot's statuses by a table."""
    made = parts.connect(rules=(builders.rule("status", direction=FROM_CRM),))

    assert made.mapping == DEFAULT_MAPPING
    assert made.field_mapping.to_crm({"status": "open_deal"}) == {"hs_lead_status": "OPEN_DEAL"}
    assert made.written_fields == DEFAULT_MAPPING.keys() - {"status"}


def test_steps_that_hubspot_cannot_take_are_refused_together(parts: Parts) -> None:
    """Saving checks every step against the property: a table against its options, other steps against its type."""
    made = parts.connect()
    steps = {
        "status": (Transform(TransformKind.OPTIONS, options=(("GHOST", "ghost"),)),),
        "email": (Transform(TransformKind.TRIM),),
    }

    with pytest.raises(InvalidError, match="has no option `GHOST`") as caught:
        parts.integrations.update("tenant-1", made.integration_id, Changes(transforms=steps), "")

    assert (caught.value.reason, caught.value.field) == (
        "invalid_field_transforms",
        "field_transforms.status[0].options",
    )
    assert parts.runs.page("tenant-1", made.integration_id, None, "", 10) == []
    fields = {"email": "email", "status": "numemployees"}
    wrong = Changes(mapping=fields, transforms={"status": (Transform(TransformKind.PHONE_E164),)})
    with pytest.raises(InvalidError, match="of type number"):
        parts.integrations.update("tenant-1", made.integration_id, wrong, "")


def test_settings_that_need_the_crm_wait_for_it(parts: Parts, simulator: Simulator) -> None:
    """While HubSpot is away a mapping, steps or directions cannot be checked and are not stored; other settings are."""
    made = parts.connect()
    simulator.control.fault(status=503, times=None)
    key = ("tenant-1", made.integration_id)

    for changes in (
        Changes(transforms={}),
        builders.changes(rules=(builders.rule("phone", direction=FROM_CRM),)),
        builders.changes(direction=FROM_CRM),
    ):
        with pytest.raises(CrmError):
            parts.integrations.update(*key, changes, "")

    assert made == parts.integrations.get(*key)
    assert (
        parts.integrations.update(
            *key, builders.changes(rules=(builders.rule("phone", policy_pb2.MERGE_RULE_ASK),)), ""
        )[1]
        is not None
    )


def test_a_read_only_property_may_be_mapped_one_way(parts: Parts) -> None:
    """What HubSpot calculates can still flow from it."""
    mapping = {"status": "hs_object_id"}
    made = parts.connect(mapping=mapping, direction=FROM_CRM)
    parts.integrations.delete("tenant-1", made.integration_id)
    rules = (builders.rule("status", direction=FROM_CRM),)

    assert dict(made.mapping) == parts.connect(mapping=mapping, rules=rules).mapping


def test_a_wrong_token_is_refused_and_nothing_is_kept(parts: Parts) -> None:
    """A token that HubSpot does not know connects nothing."""
    with pytest.raises(AuthFailedError) as caught:
        parts.connect(credential=Credential.access_token("pat-na1-wrong"))

    assert caught.value.reason == "crm_auth_failed"
    assert "pat-na1-wrong" not in f"{caught.value!r}{caught.value.message}"
    assert parts.repository.all() == []


def test_missing_scopes_are_named(parts: Parts, simulator: Simulator) -> None:
    """A token that may not do what we need is refused, saying what it lacks."""
    simulator.control.add_token(token="pat-na1-weak", scopes=["oauth", "crm.objects.contacts.read"])

    with pytest.raises(MissingScopesError) as caught:
        parts.connect(credential=Credential.access_token("pat-na1-weak"))

    assert caught.value.scopes == ("crm.objects.contacts.write", "crm.schemas.contacts.write")
    assert "crm.objects.contacts.write" in caught.value.message


def test_an_unexpected_account_is_refused(parts: Parts) -> None:
    """The account comes from the token; naming another one is a mistake."""
    with pytest.raises(InvalidError) as caught:
        parts.connect(account_id="1")

    assert (caught.value.reason, caught.value.field) == ("account_mismatch", "account_id")


@pytest.mark.parametrize("app_id", ["1", "39522895 "])
def test_an_app_that_is_not_the_tokens_is_refused(parts: Parts, app_id: str) -> None:
    """Whoever names another app than the token's would manage its webhooks: nothing is connected."""
    with pytest.raises(InvalidError) as caught:
        parts.connect(app_id=app_id)
    assert (caught.value.reason, caught.value.field) == ("other_app", "app_id")
    assert parts.integrations.page("tenant-1", "", 10) == []


def test_the_app_is_the_tokens(parts: Parts) -> None:
    """It need not be named, and may be."""
    made = parts.connect()
    parts.integrations.delete("tenant-1", made.integration_id)
    assert parts.connect(app_id=made.app_id).app_id == made.app_id != ""


def test_an_account_is_connected_once(parts: Parts) -> None:
    """L9: a second integration of the same account, by whichever tenant, is refused."""
    parts.connect()

    with pytest.raises(ExistsError) as caught:
        parts.connect(tenant_id="tenant-2")

    assert caught.value.reason == "account_connected"


def test_a_repeated_request_gives_the_first_integration(parts: Parts) -> None:
    """Everything may happen twice, also at once."""
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: parts.connect(request_id="r-1"), range(4)))

    assert len({each.integration_id for each in made}) == 1
    assert len(parts.repository.all()) == 1


def test_the_credential_is_sealed_in_the_database(parts: Parts, db: Database[dict[str, Any]]) -> None:
    """The secret is nowhere in the document, and opens for its integration only."""
    made = parts.connect()

    document = db.integrations.find_one({"_id": made.integration_id})
    assert hub.TOKEN.encode() not in repr(document).encode()
    assert _secret(parts, made) == hub.TOKEN


def test_other_tenants_see_nothing(parts: Parts) -> None:
    """L9: an integration exists for its tenant only."""
    made = parts.connect()

    with pytest.raises(NotFoundError):
        parts.integrations.get("tenant-2", made.integration_id)
    with pytest.raises(NotFoundError):
        parts.integrations.update("tenant-2", made.integration_id, Changes(paused=True), "")
    assert parts.integrations.page("tenant-2", "", 10) == []
    with pytest.raises(NotFoundError):
        parts.integrations.delete("tenant-2", made.integration_id)
    assert made == parts.integrations.get("tenant-1", made.integration_id)


def test_an_update_raises_the_revision_and_puts_the_target(parts: Parts, double: StoreDouble) -> None:
    """A change reaches lead-store with a higher revision; the same change again is none."""
    made = parts.connect()
    changes = builders.changes(
        paused=True,
        mapping={"email": "email", "status": "hs_lead_status"},
        rules=(builders.rule("status", policy_pb2.MERGE_RULE_ASK),),
    )

    changed, run = parts.integrations.update("tenant-1", made.integration_id, changes, made.etag)
    again, none = parts.integrations.update("tenant-1", made.integration_id, changes, "")

    assert changed == again == parts.integrations.get("tenant-1", made.integration_id)
    assert run is not None
    assert (run.kind, run.run_id, none) == (RunKind.APPLY, changed.apply_run_id, None)
    target = double.targets[made.integration_id]
    assert (target.revision, target.paused) == (2, True)
    rules = [(rule.field, rule.rule) for rule in target.policy.fields]
    assert (list(target.mapped_fields), rules) == (["email", "status"], [("status", policy_pb2.MERGE_RULE_ASK)])


def test_a_stale_etag_changes_nothing(parts: Parts) -> None:
    """A change made on an old reading is refused, also if two race."""
    made = parts.connect()
    parts.integrations.update("tenant-1", made.integration_id, Changes(paused=True), made.etag)

    with pytest.raises(StaleEtagError):
        parts.integrations.update("tenant-1", made.integration_id, Changes(paused=False), made.etag)
    with pytest.raises(StaleEtagError):
        parts.repository.replace(replace(made, revision=2), expected_revision=1)
    assert parts.integrations.get("tenant-1", made.integration_id).paused


def test_a_new_token_has_to_be_of_the_same_account(parts: Parts, simulator: Simulator) -> None:
    """A credential can be replaced, but not by one of another account or kind."""
    made = parts.connect()
    simulator.control.add_portal(777, int(hub.APP_ID))
    simulator.control.add_token(token="pat-na1-777", portal_id=777)
    simulator.control.add_token(token="pat-na1-new")

    def change(credential: Credential) -> None:
        parts.integrations.update("tenant-1", made.integration_id, Changes(credential=credential), "")

    with pytest.raises(InvalidError, match="another account"):
        change(Credential.access_token("pat-na1-777"))
    with pytest.raises(InvalidError, match="same kind"):
        change(Credential.refresh_token(hub.REFRESH_TOKEN))
    change(Credential.access_token("pat-na1-new"))
    assert _secret(parts, made) == "pat-na1-new"


def test_a_refresh_token_connects_too(parts: Parts) -> None:
    """An OAuth refresh token is turned into an access token at once."""
    made = parts.connect(credential=Credential.refresh_token(hub.REFRESH_TOKEN))

    assert (made.account_id, made.credential_kind) == (hub.PORTAL_ID, CredentialKind.OAUTH)


def test_waiting_work_is_due_after_a_new_credential(parts: Parts, double: StoreDouble, simulator: Simulator) -> None:
    """Only a credential that the CRM has accepted ends the waits; a lead-store that is away refuses no credential."""
    made = parts.connect()
    for token in ("pat-na1-new", "pat-na1-newer"):
        simulator.control.add_token(token=token)

    parts.integrations.update("tenant-1", made.integration_id, Changes(paused=True), "")
    with pytest.raises(AuthFailedError):
        parts.integrations.update(
            "tenant-1", made.integration_id, Changes(credential=Credential.access_token("pat-na1-wrong")), ""
        )
    assert double.renewed == []
    parts.integrations.update(
        "tenant-1", made.integration_id, Changes(credential=Credential.access_token("pat-na1-new")), ""
    )
    assert (double.renewed, parts.swept_soon) == ([made.integration_id], [made.integration_id])
    double.unavailable = 10
    parts.integrations.update(
        "tenant-1", made.integration_id, Changes(credential=Credential.access_token("pat-na1-newer")), ""
    )
    assert _secret(parts, made) == "pat-na1-newer"


@pytest.mark.parametrize("kind", [CredentialKind.CLIENT_CREDENTIALS, CredentialKind.JWT_BEARER])
def test_credentials_that_hubspot_has_not_are_refused(parts: Parts, kind: CredentialKind) -> None:
    """The error names the credential, and nothing is stored."""
    with pytest.raises(InvalidError) as caught:
        parts.connect(credential=Credential(kind, {"client_id": "a"}))

    assert (caught.value.reason, caught.value.field) == ("credential_not_supported", kind.value)
    assert parts.repository.all() == []


def test_a_policy_that_lead_store_refuses_connects_nothing(
    parts: Parts, double: StoreDouble, simulator: Simulator
) -> None:
    """Its reason and paths are passed on, and no code is used up and nothing is created in HubSpot before."""
    double.policy_faults = ["policy.fields[0].field", "policy.matching.phone_region"]
    simulator.control.reset_calls()

    with pytest.raises(InvalidError) as caught:
        parts.connect(rules=[builders.rule("website")])

    assert (caught.value.reason, caught.value.field) == ("invalid_policy", "policy.fields[0].field")
    assert caught.value.more == (("policy.matching.phone_region", "no"),)
    assert (simulator.calls(), parts.repository.all()) == ({}, [])


def test_an_integration_that_was_stored_before_is_read(
    parts: Parts, db: Database[dict[str, Any]], double: StoreDouble
) -> None:
    """A document without a policy has its directions and rules in fields; the upkeep adds what it lacks."""
    made = parts.connect(rules=[builders.rule("phone", policy_pb2.MERGE_RULE_ASK)])
    old = {"direction": "bidirectional", "rules": [{"field": "phone", "rule": "ask"}]}
    gone = dict.fromkeys(("policy", "effective", "mapping.$[].type", "mapping.$[].kind"), "")
    db.integrations.update_one({"_id": made.integration_id}, {"$unset": gone, "$set": old})
    read = parts.integrations.get("tenant-1", made.integration_id)
    assert (read.policy.direction, read.written_fields, read.kinds) == ("bidirectional", made.written_fields, {})

    parts.upkeep().turn()

    fresh = parts.integrations.get("tenant-1", made.integration_id)
    assert (fresh.kinds, bool(fresh.effective)) == (made.kinds, True)
    assert fresh.field_mapping.fingerprint == read.field_mapping.fingerprint
    assert (fresh.apply_run_id, parts.runs.page("tenant-1", "", None, "", 10)) == ("", [])
    rule = double.targets[made.integration_id].policy.fields[0]
    assert (rule.field, rule.rule) == ("phone", policy_pb2.MERGE_RULE_ASK)


def test_an_authorization_code_is_exchanged_once(parts: Parts, simulator: Simulator) -> None:
    """A code becomes a refresh token, which is what is kept; repeating the request does not need the code again."""
    code = simulator.control.oauth_code()
    asked = builders.new_integration(credential=OAuthCode(code, "https://leads.example.com/callback"), request_id="r-1")

    made = parts.integrations.create(asked)

    assert made == parts.integrations.create(asked)
    assert _secret(parts, made) not in ("", code)
    with pytest.raises(AuthFailedError):
        parts.connect(credential=OAuthCode("used-up", "https://leads.example.com/callback"))


def test_a_target_that_was_not_put_is_put_later(parts: Parts, double: StoreDouble) -> None:
    """A target that lead-store did not take while an account was connected is put by the upkeep."""
    double.unavailable = 1
    made = parts.connect()
    assert double.targets == {}

    _upkeep(parts).turn()

    assert [made.integration_id] == list(double.targets)


def test_all_targets_are_put_at_the_start(parts: Parts, double: StoreDouble) -> None:
    """A lead-store that has lost everything gets all targets when we start."""
    made = parts.connect()
    double.targets.clear()

    _upkeep(parts).turn()

    assert [made.integration_id] == list(double.targets)


def test_deleting_takes_everything_down(parts: Parts, double: StoreDouble) -> None:
    """Target, cursor, subscriptions and document go; the account can be connected again."""
    made = parts.connect()
    parts.webhooks.enable("tenant-1", made.integration_id)
    parts.cursors.put(made.integration_id, made.created_at)

    parts.integrations.delete("tenant-1", made.integration_id)

    assert ({}, [made.integration_id]) == (double.targets, double.removed)
    assert parts.cursors.get(made.integration_id) is None
    assert parts.subscriptions.get("hubspot", hub.APP_ID) == []
    with pytest.raises(NotFoundError):
        parts.integrations.get("tenant-1", made.integration_id)
    assert made.integration_id != parts.connect().integration_id


def test_deleting_an_unknown_integration_is_not_found(parts: Parts) -> None:
    """One that never was, and one that is gone, cannot be deleted."""
    gone = parts.connect().integration_id
    parts.integrations.delete("tenant-1", gone)

    for integration_id in (gone, "unknown"):
        with pytest.raises(NotFoundError) as caught:
            parts.integrations.delete("tenant-1", integration_id)
        assert caught.value.reason == "integration_not_found"


def test_a_deletion_that_broke_off_can_be_repeated(parts: Parts, double: StoreDouble) -> None:
    """The same call again finishes what the first one began."""
    made = parts.connect()
    double.unavailable = 1
    with pytest.raises(StoreUnavailableError):
        parts.integrations.delete("tenant-1", made.integration_id)

    parts.integrations.delete("tenant-1", made.integration_id)

    assert (parts.repository.all(), double.targets) == ([], {})


def test_a_deletion_that_broke_off_is_finished_by_the_upkeep(parts: Parts, double: StoreDouble) -> None:
    """While lead-store is away the integration is gone for everybody, and its rest goes later."""
    made = parts.connect()
    double.unavailable = 1

    with pytest.raises(StoreUnavailableError):
        parts.integrations.delete("tenant-1", made.integration_id)
    with pytest.raises(ConnectorError):
        parts.connections.crm(made.integration_id)
    _upkeep(parts).turn()

    assert parts.repository.all() == []
    assert double.targets == {}


@pytest.mark.parametrize("key", [hub.DEVELOPER_KEY, "revoked"])
def test_a_deletion_ends_though_the_crm_refuses_it(
    db: Database[dict[str, Any]],
    store: GrpcLeadStore,
    simulator: Simulator,
    double: StoreDouble,
    key: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """HubSpot has lost the app, or its developer key was revoked: the account is free, the log names the rest."""
    with hub.hubspot(simulator.url, developer_key=key) as provider:
        parts = rig.wired(db, {"hubspot": provider}, store)
        made, app_id = parts.connect(), hub.APP_ID if key == "revoked" else "removed-app"
        db.integrations.update_one({"_id": made.integration_id}, {"$set": {"app_id": app_id}})
        parts.subscriptions.put("hubspot", app_id, "", [CrmSubscription("4711", "contact.creation")])

        parts.integrations.delete("tenant-1", made.integration_id)

        assert (parts.repository.all(), double.targets) == ([], {})
        assert made.integration_id != parts.connect().integration_id
    assert "subscriptions_left_in_crm" in (log := capsys.readouterr().out)
    assert "4711" in log


def test_an_integration_that_fails_stops_the_upkeep_of_no_other(
    db: Database[dict[str, Any]], store: GrpcLeadStore, provider: HubSpot, double: StoreDouble
) -> None:
    """A document that nobody expected, of an older integration, does not keep a newer one from lead-store."""
    first = rig.wired(db, {"hubspot": provider}, store).connect()
    db.integrations.update_one({"_id": first.integration_id}, {"$set": {"provider": "retired", "account_id": "1"}})
    parts = rig.wired(db, {"hubspot": provider}, store)
    newer = parts.connect()
    double.targets.clear()

    with pytest.raises(Exception, match="retired"):
        parts.upkeep().turn()

    assert list(double.targets) == [newer.integration_id]


def _upkeep(parts: Parts) -> Upkeep:
    return parts.upkeep()
