"""HubSpot's official Python client, unchanged, against the simulator."""

from typing import Any

import hubspot.crm.contacts as crm
import hubspot.crm.properties as props
import hubspot.webhooks as hooks
import pytest
from hubspot import HubSpot, oauth
from unit.simulator.support import APP_ID, TOKEN, RunningSimulator


@pytest.fixture
def client(hubspot: RunningSimulator) -> Any:
    """The official client, pointed at the simulator."""
    return HubSpot(access_token=TOKEN, api_key="simulator-developer-key", host=hubspot.url, base_url=hubspot.url)


def test_basic_calls(client: Any) -> None:
    """create, get_by_id, get_page, update, archive and get_all work."""
    api = client.crm.contacts.basic_api
    wanted = crm.SimplePublicObjectInputForCreate(properties={"email": "a+b@example.com", "firstname": "Ada"})
    made = api.create(simple_public_object_input_for_create=wanted)
    found = api.get_by_id("a+b@example.com", id_property="email", properties=["phone"], archived=False)
    assert (found.id, found.properties["phone"]) == (made.id, None)
    with_history = api.get_by_id(made.id, properties_with_history=["firstname", "email"])
    assert with_history.properties_with_history["firstname"][0].source_type == "INTEGRATION"
    changed = api.update(made.id, crm.SimplePublicObjectInput(properties={"phone": "1"}))
    assert changed.properties["phone"] == "1"
    assert [one.id for one in api.get_page(limit=5, properties=["phone", "email"]).results] == [made.id]
    assert len(client.crm.contacts.get_all()) == 1
    assert api.archive(made.id) is None
    assert api.get_page(limit=5, archived=True).results[0].archived is True
    with pytest.raises(crm.exceptions.NotFoundException):
        api.get_by_id(made.id)


def test_conflict_is_an_api_exception(client: Any) -> None:
    """A taken e-mail is an ApiException with status 409 and the body as text."""
    api = client.crm.contacts.basic_api
    wanted = crm.SimplePublicObjectInputForCreate(properties={"email": "ada@example.com"})
    made = api.create(simple_public_object_input_for_create=wanted)
    with pytest.raises(crm.ApiException) as caught:
        api.create(simple_public_object_input_for_create=wanted)
    assert caught.value.status == 409
    assert f"Existing ID: {made.id}" in caught.value.body


def test_merge_and_purge(client: Any, hubspot: RunningSimulator) -> None:
    """Merge answers the new record, and purge removes it."""
    api = client.crm.contacts.basic_api
    one, two = hubspot.control.create_contacts(2)
    new = api.merge(crm.PublicMergeInput(primary_object_id=one, object_id_to_merge=two))
    assert new.id not in (one, two)
    assert api.get_by_id(one).id == new.id
    assert api.purge(crm.PublicGdprDeleteInput(object_id=new.id)) is None
    assert hubspot.control.contacts(archived=True) == []


def test_batch_calls(client: Any, hubspot: RunningSimulator) -> None:
    """Batch read, create, update, upsert and archive work, and 207 comes back as a model with errors."""
    api = client.crm.contacts.batch_api
    hubspot.unique_property()
    inputs = [
        crm.SimplePublicObjectBatchInputUpsert(
            id=f"L{number}", id_property="leadsync_lead_id", properties={"email": f"p{number}@example.com"}
        )
        for number in range(3)
    ]
    made = api.upsert(crm.BatchInputSimplePublicObjectBatchInputUpsert(inputs=inputs)).results
    assert [one.new for one in made] == [True] * 3
    wanted = crm.SimplePublicObjectBatchInputForCreate(properties={"email": "x@example.com"})
    api.create(crm.BatchInputSimplePublicObjectBatchInputForCreate(inputs=[wanted]))
    ids = [crm.SimplePublicObjectId(id=value) for value in ("L0", "L1", "nobody")]
    body = crm.BatchReadInputSimplePublicObjectId(
        inputs=ids, id_property="leadsync_lead_id", properties=["email"], properties_with_history=["email"]
    )
    found = api.read(body, archived=False)
    assert isinstance(found, crm.BatchResponseSimplePublicObjectWithErrors)
    assert (len(found.results), found.num_errors, found.errors[0].context) == (2, 1, {"ids": ["nobody"]})
    changes = [crm.SimplePublicObjectBatchInput(id=one.id, properties={"phone": "1"}) for one in made]
    updated = api.update(crm.BatchInputSimplePublicObjectBatchInput(inputs=changes))
    assert [one.properties["phone"] for one in updated.results] == ["1"] * 3
    gone = [crm.SimplePublicObjectId(id=one.id) for one in made]
    assert api.archive(crm.BatchInputSimplePublicObjectId(inputs=gone)) is None
    assert len(hubspot.control.contacts()) == 1


def test_search(client: Any, hubspot: RunningSimulator) -> None:
    """do_search works with a model."""
    hubspot.control.create_contacts(3)
    rule = crm.Filter(property_name="email", operator="EQ", value="person1@example.com")
    body = crm.PublicObjectSearchRequest(
        filter_groups=[crm.FilterGroup(filters=[rule])], limit=10, properties=["phone"]
    )
    found = client.crm.contacts.search_api.do_search(body)
    assert (found.total, found.results[0].properties["phone"]) == (1, "+15550000001")


def test_properties_and_groups(client: Any) -> None:
    """Properties and groups can be created, read and changed."""
    client.crm.properties.groups_api.create(
        "contacts", props.PropertyGroupCreate(name="leadsync", label="leadsync", display_order=-1)
    )
    api = client.crm.properties.core_api
    options = [props.OptionInput(label="A", value="a", hidden=False, display_order=0)]
    wanted = props.PropertyCreate(
        name="kind", label="Kind", group_name="leadsync", type="enumeration", field_type="select", options=options
    )
    assert api.create("contacts", wanted).has_unique_value is False
    assert "kind" in [one.name for one in api.get_all("contacts", archived=False).results]
    assert api.get_by_name("contacts", "kind").options[0].value == "a"
    options.append(props.OptionInput(label="B", value="b", hidden=False, display_order=1))
    changed = api.update("contacts", "kind", props.PropertyUpdate(options=options))
    assert [option.value for option in changed.options] == ["a", "b"]
    with pytest.raises(props.ApiException) as caught:
        api.create("contacts", wanted)
    assert caught.value.status == 409


def test_webhook_settings(client: Any) -> None:
    """Settings configure, get_all and clear work with the developer API key."""
    api = client.webhooks.settings_api
    with pytest.raises(hooks.exceptions.NotFoundException):
        api.get_all(APP_ID)
    wanted = hooks.SettingsChangeRequest(
        target_url="https://example.com/hooks", throttling=hooks.ThrottlingSettings(max_concurrent_requests=20)
    )
    assert api.configure(APP_ID, wanted).target_url == "https://example.com/hooks"
    assert api.get_all(APP_ID).throttling.max_concurrent_requests == 20
    wanted.throttling.max_concurrent_requests = 5
    with pytest.raises(hooks.ApiException) as caught:
        api.configure(APP_ID, wanted)
    assert caught.value.status == 400
    assert api.clear(APP_ID) is None


def test_subscriptions(client: Any) -> None:
    """Subscriptions start paused and can be listed, read, activated, in a batch too, and archived."""
    api = client.webhooks.subscriptions_api
    wanted = hooks.SubscriptionCreateRequest(event_type="contact.propertyChange", property_name="email")
    made = api.create(APP_ID, wanted)
    assert made.active is False
    assert [one.id for one in api.get_all(APP_ID).results] == [made.id]
    assert api.get_by_id(made.id, APP_ID).property_name == "email"
    assert api.update(made.id, APP_ID, hooks.SubscriptionPatchRequest(active=True)).active is True
    inputs = [hooks.SubscriptionBatchUpdateRequest(id=int(made.id), active=False)]
    inputs.append(hooks.SubscriptionBatchUpdateRequest(id=4567, active=False))
    outcome = api.update_batch(APP_ID, hooks.BatchInputSubscriptionBatchUpdateRequest(inputs=inputs))
    assert outcome.results[0].active is False
    assert outcome.errors[0].category == "SUBSCRIPTION_ID_NOT_FOUND"
    assert api.archive(made.id, APP_ID) is None
    assert api.get_all(APP_ID).results == []


def test_subscription_limit_and_wrong_key(client: Any, hubspot: RunningSimulator) -> None:
    """An app has at most 1,000 subscriptions, and a wrong key is refused."""
    many = [{"eventType": "contact.propertyChange", "propertyName": f"p{number}"} for number in range(1000)]
    hubspot.control.set_webhooks("http://127.0.0.1:9/", many)
    api = client.webhooks.subscriptions_api
    with pytest.raises(hooks.ApiException) as caught:
        api.create(APP_ID, hooks.SubscriptionCreateRequest(event_type="contact.creation"))
    assert caught.value.status == 400
    assert "maximum number allowed per application (1000)" in caught.value.body
    stranger = HubSpot(api_key="wrong", host=hubspot.url).webhooks.subscriptions_api
    with pytest.raises(hooks.exceptions.UnauthorizedException):
        stranger.get_all(APP_ID)


def test_oauth(client: Any) -> None:
    """Tokens can be refreshed and described, and a bad refresh token is a 400."""
    api = client.oauth.tokens_api
    form = {"client_id": "simulator-client-id", "client_secret": "simulator-secret", "grant_type": "refresh_token"}
    made = api.create(**form, refresh_token="na1-simulator-refresh-token")
    assert (made.expires_in, made.token_type) == (1800, "bearer")
    info = client.oauth.access_tokens_api.get(made.access_token)
    assert (info.hub_id, info.app_id) == (48975575, APP_ID)
    assert client.oauth.refresh_tokens_api.get(made.refresh_token).hub_id == 48975575
    with pytest.raises(oauth.ApiException) as caught:
        api.create(**form, refresh_token="nobody")
    assert caught.value.status == 400


def test_any_path_by_api_request(client: Any, hubspot: RunningSimulator) -> None:
    """api_request reaches dated paths."""
    made = hubspot.create(firstname="Ada")
    answer = client.api_request({"method": "GET", "path": f"/crm/objects/2026-03/contacts/{made}"})
    assert answer.json()["id"] == made
