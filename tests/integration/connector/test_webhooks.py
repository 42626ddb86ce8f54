"""Webhook subscriptions, against the HubSpot simulator."""

from typing import Any

import pytest
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.domain.changes import Changes
from crm_connector.domain.errors import PreconditionError
from crm_connector.domain.integration import Credential, Integration
from crm_connector.providers.hubspot.defaults import DEFAULT_MAPPING
from crm_connector.providers.hubspot.provider import HubSpot
from crm_connector.providers.hubspot.subscriptions import LIFECYCLE_EVENTS
from integration.connector import builders, hub, processes, rig
from integration.connector.hub import Simulator
from integration.connector.lead_store_double import StoreDouble
from integration.connector.rig import Parts
from pymongo.database import Database

WANTED = {(event, "") for event in LIFECYCLE_EVENTS} | {
    ("contact.propertyChange", name) for name in DEFAULT_MAPPING.values()
}


def _app(simulator: Simulator) -> dict[str, Any]:
    """The app as HubSpot has it."""
    return next(app for app in simulator.control.apps() if str(app["app_id"]) == hub.APP_ID)


def test_enabling_subscribes_actively_and_sets_the_target(
    parts: Parts, double: StoreDouble, simulator: Simulator
) -> None:
    """All lifecycle events and one subscription per mapped property, active from the start."""
    made = parts.connect()

    state = parts.webhooks.enable("tenant-1", made.integration_id)

    assert (state.enabled, state.managed, state.instructions) == (True, True, "")
    assert {(s.event, s.property) for s in state.subscriptions} == WANTED
    assert all(s.active for s in state.subscriptions)
    assert "https://leads.example.com/api/v1/webhooks/hubspot" == state.url == _app(simulator)["target_url"]
    assert {*LIFECYCLE_EVENTS, "contact.propertyChange"} == set(state.events)
    assert double.targets[made.integration_id].webhooks_enabled


def test_enabling_twice_subscribes_once(parts: Parts) -> None:
    """Everything may happen twice."""
    made = parts.connect()

    first = parts.webhooks.enable("tenant-1", made.integration_id)
    second = parts.webhooks.enable("tenant-1", made.integration_id)

    assert {s.subscription_id for s in first.subscriptions} == {s.subscription_id for s in second.subscriptions}


def test_disabling_pauses_and_enabling_resumes(parts: Parts, double: StoreDouble) -> None:
    """The last integration of an app to be disabled pauses its subscriptions; enabling makes them active again."""
    made = parts.connect()
    parts.webhooks.enable("tenant-1", made.integration_id)

    paused = parts.webhooks.disable("tenant-1", made.integration_id)
    assert not any(s.active for s in paused.subscriptions)
    assert not double.targets[made.integration_id].webhooks_enabled

    assert all(s.active for s in parts.webhooks.enable("tenant-1", made.integration_id).subscriptions)


def test_subscriptions_stay_while_another_account_needs_them(parts: Parts, simulator: Simulator) -> None:
    """Subscriptions belong to the app: disabling or deleting one account leaves those of another at work."""
    first = parts.connect()
    simulator.control.add_portal(777, int(hub.APP_ID))
    token = simulator.control.add_token(token="pat-na1-777", portal_id=777)
    second = parts.integrations.create(
        builders.new_integration(tenant_id="tenant-2", credential=Credential.access_token(token))
    )
    parts.webhooks.enable("tenant-1", first.integration_id)
    parts.webhooks.enable("tenant-2", second.integration_id)

    assert all(s.active for s in parts.webhooks.disable("tenant-1", first.integration_id).subscriptions)
    parts.integrations.delete("tenant-1", first.integration_id)

    assert all(s.active for s in parts.webhooks.status("tenant-2", second.integration_id).subscriptions)
    parts.integrations.delete("tenant-2", second.integration_id)
    assert _app(simulator)["subscriptions"] == []


def _map_more(parts: Parts, made: Integration) -> None:
    """Change the mapping, so that the app's subscriptions are ensured again."""
    mapping = DEFAULT_MAPPING | {"custom_fields.city": "city"}
    parts.integrations.update("tenant-1", made.integration_id, Changes(mapping=mapping), "")


def test_a_newly_mapped_property_is_subscribed(parts: Parts) -> None:
    """A change of mapping re-ensures the app's subscriptions."""
    made = parts.connect()
    before = parts.webhooks.enable("tenant-1", made.integration_id).subscriptions

    _map_more(parts, made)

    found = parts.webhooks.status("tenant-1", made.integration_id).subscriptions
    new = {(s.event, s.property) for s in found} - {(s.event, s.property) for s in before}
    assert new == {("contact.propertyChange", "city")}


def test_a_changed_mapping_takes_the_webhooks_of_an_app_from_nobody(parts: Parts, simulator: Simulator) -> None:
    """An app has one address. A person has sent its webhooks elsewhere, and they stay there until one enables ours."""
    made = parts.connect()
    parts.webhooks.enable("tenant-1", made.integration_id)
    simulator.control.set_webhooks("https://queue.example.com/in", [])

    _map_more(parts, made)
    assert _app(simulator)["target_url"] == "https://queue.example.com/in"
    parts.webhooks.enable("tenant-1", made.integration_id)
    assert _app(simulator)["target_url"] == f"{rig.PUBLIC}/api/v1/webhooks/hubspot"


def test_the_webhooks_of_an_app_move_with_our_own_address(
    db: Database[dict[str, Any]], provider: HubSpot, store: GrpcLeadStore, simulator: Simulator
) -> None:
    """The address before was ours too."""
    before = rig.wired(db, {"hubspot": provider}, store, public="https://before.example.com")
    made = before.connect()
    before.webhooks.enable("tenant-1", made.integration_id)

    _map_more(rig.wired(db, {"hubspot": provider}, store), made)

    assert _app(simulator)["target_url"] == f"{rig.PUBLIC}/api/v1/webhooks/hubspot"


def test_enabling_again_changes_no_settings_of_the_app(parts: Parts, simulator: Simulator) -> None:
    """How many requests HubSpot sends at once is a person's choice."""
    made = parts.connect()
    address = f"{rig.PUBLIC}/api/v1/webhooks/hubspot"
    simulator.control.set_webhooks(address, [], max_concurrent_requests=25)

    parts.webhooks.enable("tenant-1", made.integration_id)

    assert _app(simulator)["max_concurrent_requests"] == 25


def test_a_property_that_nobody_maps_any_more_is_dropped(parts: Parts, simulator: Simulator) -> None:
    """A subscription of ours goes with the last mapping of its property; somebody else's stays."""
    first = parts.connect(mapping={"email": "email", "phone": "phone"})
    simulator.control.add_portal(777, int(hub.APP_ID))
    token = simulator.control.add_token(token="pat-na1-777", portal_id=777)
    other = builders.new_integration(
        credential=Credential.access_token(token), mapping={"email": "email", "status": "city"}
    )
    second = parts.integrations.create(other)
    with hub.hubspot(simulator.url) as provider:
        admin = provider.webhooks(hub.APP_ID)
        assert admin is not None
        admin.create("contact.propertyChange", "fax")
    parts.webhooks.enable("tenant-1", first.integration_id)

    def properties() -> set[str]:
        with hub.hubspot(simulator.url) as provider:
            admin = provider.webhooks(hub.APP_ID)
            assert admin is not None
            return {s.property for s in admin.list()} - {""}

    assert properties() == {"email", "phone", "city", "fax"}
    parts.integrations.update("tenant-1", first.integration_id, Changes(mapping={"email": "email"}), "")
    assert properties() == {"email", "city", "fax"}
    parts.integrations.delete("tenant-1", second.integration_id)
    assert properties() == {"email", "fax"}


def test_a_tenant_does_not_see_what_others_of_its_app_have_mapped(parts: Parts, simulator: Simulator) -> None:
    """The status of webhooks names the properties of the integration's own mapping, in whatever way it is read."""
    first = parts.connect(mapping={"email": "email", "phone": "phone"})
    simulator.control.add_portal(777, int(hub.APP_ID))
    token = simulator.control.add_token(token="pat-na1-777", portal_id=777)
    secret = builders.new_integration(
        tenant_id="tenant-2", credential=Credential.access_token(token), mapping={"email": "email", "status": "city"}
    )
    second = parts.integrations.create(secret)
    parts.webhooks.enable("tenant-2", second.integration_id)
    states = [parts.webhooks.enable("tenant-1", first.integration_id)]
    states.append(parts.webhooks.status("tenant-1", first.integration_id))
    simulator.control.fault(path=f"/webhooks/v3/{hub.APP_ID}/subscriptions", status=502)
    states.append(parts.webhooks.status("tenant-1", first.integration_id))
    for state in states:
        assert {s.property for s in state.subscriptions} == {"", "email", "phone"}


def test_without_a_developer_key_a_person_is_told_what_to_click(
    db: Database[dict[str, Any]], store: GrpcLeadStore, simulator: Simulator, double: StoreDouble
) -> None:
    """A private app has no API for it: the flag is set, and the instructions name address and properties."""
    with hub.hubspot(simulator.url, developer_key="") as keyless:
        parts = rig.wired(db, {"hubspot": keyless}, store)
        made = parts.connect()
        state = parts.webhooks.enable("tenant-1", made.integration_id)

    assert (state.enabled, state.managed, state.subscriptions) == (True, False, ())
    assert "https://leads.example.com/api/v1/webhooks/hubspot" in state.instructions
    assert "jobtitle" in state.instructions
    assert double.targets[made.integration_id].webhooks_enabled


def test_a_wrong_developer_key_is_refused_without_being_shown(
    db: Database[dict[str, Any]], store: GrpcLeadStore, simulator: Simulator
) -> None:
    """The key travels in addresses, and none of them gets into an error."""
    with hub.hubspot(simulator.url, developer_key="wrong-key-42") as provider:
        parts = rig.wired(db, {"hubspot": provider}, store)
        made = parts.connect()
        with pytest.raises(PreconditionError) as caught:
            parts.webhooks.enable("tenant-1", made.integration_id)

    assert caught.value.reason == "developer_key_refused"
    assert not parts.integrations.get("tenant-1", made.integration_id).webhooks_enabled


def test_a_broken_connection_does_not_show_the_developer_key() -> None:
    """Neither the error nor what it came from holds the address."""
    with hub.hubspot(f"http://127.0.0.1:{processes.free_port()}", developer_key="secret-key-42") as provider:
        admin = provider.webhooks("1")
        assert admin is not None
        with pytest.raises(Exception, match="cannot be reached") as caught:
            admin.list()

    seen = ""
    error: BaseException | None = caught.value
    while error is not None:
        seen += repr(error) + str(error)
        error = error.__cause__ if error.__suppress_context__ else error.__cause__ or error.__context__
    assert "secret-key-42" not in seen


def test_the_last_known_state_is_shown_while_hubspot_is_away(parts: Parts, simulator: Simulator) -> None:
    """Showing the state needs no answer from HubSpot."""
    made = parts.connect()
    enabled = parts.webhooks.enable("tenant-1", made.integration_id)
    simulator.control.fault(path=f"/webhooks/v3/{hub.APP_ID}/subscriptions", status=502)

    shown = parts.webhooks.status("tenant-1", made.integration_id)

    assert set(shown.subscriptions) == set(enabled.subscriptions)


def test_a_subscription_that_somebody_else_just_made_is_taken(parts: Parts, simulator: Simulator) -> None:
    """Two processes that subscribe at once do not disturb each other."""
    simulator.control.set_webhooks("https://x.example.com", [{"eventType": "contact.creation"}])
    with hub.hubspot(simulator.url) as provider:
        admin = provider.webhooks(hub.APP_ID)
        assert admin is not None
        (there,) = admin.list()

        assert admin.create("contact.creation", "") == there
    assert parts.repository.all() == []
