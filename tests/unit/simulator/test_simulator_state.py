"""The state file: its content is restored, as plain data and over the API."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hubspot_simulator.core.authors import app_author, person_author
from hubspot_simulator.core.clock import Clock
from hubspot_simulator.core.contact import Contact
from hubspot_simulator.core.errors import ApiError
from hubspot_simulator.core.merging import merge
from hubspot_simulator.core.simulator import Simulator
from hubspot_simulator.core.state import dump, load
from hubspot_simulator.settings import Settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.simulator.support import APP_ID, CONTACTS, RunningSimulator

UNIQUE = {"name": "lead", "label": "Lead", "groupName": "contactinformation", "type": "string", "fieldType": "text"}
PEOPLE = [f"{name}@example.com" for name in "abcd"]
ACTIONS = ("create", "update", "archive", "restore", "merge", "purge")
STEPS = st.tuples(
    st.sampled_from(ACTIONS),
    st.integers(0, 5),
    st.integers(0, 5),
    st.fixed_dictionaries(
        {}, optional={"email": st.sampled_from(PEOPLE), "lead": st.sampled_from("123"), "city": st.text(max_size=5)}
    ),
)


def new_simulator(settings: Settings | None = None) -> Simulator:
    """A simulator whose clock stands still."""
    return Simulator(settings or Settings(), Clock(lambda: 1_700_000_000.0))


def restarted(old: Simulator, ahead: bool = False, settings: Settings | None = None) -> Simulator:
    """The simulator of the next start."""
    new = new_simulator(settings)
    load(new, dump(old, ahead))
    return new


def step(simulator: Simulator, action: str, one: int, other: int, values: dict[str, str]) -> None:
    """One write, unless HubSpot would refuse it."""
    store, author = simulator.portal().contacts, app_author(APP_ID, "pat") if one % 2 else person_author()
    contacts = list(store)
    try:
        if action == "create" or not contacts:
            store.create(values, author)
            return
        contact, second = contacts[one % len(contacts)], contacts[other % len(contacts)]
        if action == "update":
            store.update(contact, values, author)
        elif action == "merge":
            merge(store, str(contact.id), str(second.id), author, new_id=other % 3 > 0)
        else:
            {"archive": store.archive, "restore": store.restore, "purge": store.purge}[action](contact, author)
    except ApiError:
        return


def identities(simulator: Simulator, ids: range) -> list[int | None]:
    """Return who is found by each old or present id, each e-mail and each unique value."""
    store = simulator.portal().contacts
    found: list[Contact | None] = [store.get(one) for one in ids]
    found += [store.find(email, "email") for email in PEOPLE] + [store.find(lead, "lead") for lead in "123"]
    return [None if contact is None else contact.id for contact in found]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # slow machines are not at fault
@given(st.lists(STEPS, max_size=40))
def test_any_contacts_come_back(steps: list[tuple[str, int, int, dict[str, str]]]) -> None:
    """After any writes a restart changes no contact, no identity and no search result, and ids go on."""
    old = new_simulator()
    old.portal().catalog.create({**UNIQUE, "hasUniqueValue": True})
    for action, one, other, values in steps:
        step(old, action, one, other, values)
    new = restarted(old)
    before, after = old.portal(), new.portal()
    assert list(after.contacts) == list(before.contacts)
    ids = range(508_369_434_347, old.last_id() + 1)
    assert identities(new, ids) == identities(old, ids)
    old.clock.advance(60)
    assert after.search.search({"limit": 200}, 1) == before.search.search({"limit": 200}, 1)
    assert after.contacts.create({"city": "Rome"}, person_author()).id > old.last_id()


def readable(simulator: RunningSimulator, contact_ids: list[str], tokens: list[str]) -> dict[str, Any]:
    """Everything that the API shows."""
    schemas, hooks = "/crm/v3/properties/contacts", f"/webhooks/v3/{APP_ID}"
    key = "?hapikey=simulator-developer-key"
    paths = [f"{CONTACTS}?limit=100&propertiesWithHistory=email,firstname,city", f"{CONTACTS}?archived=true"]
    paths += [f"{CONTACTS}/{one}?properties=email,city,lead,hs_merged_object_ids" for one in contact_ids]
    paths += [f"{CONTACTS}/a@example.com?idProperty=email", f"{CONTACTS}/7?idProperty=lead"]
    paths += [schemas, f"{schemas}?archived=true", f"{schemas}/groups", "/account-info/v3/details"]
    paths += [f"{hooks}/settings{key}", f"{hooks}/subscriptions{key}", "/_control", "/_control/apps"]
    paths += [f"/_control/contacts?archived=true&portal_id={portal}" for portal in (48975575, 42)]
    paths += [f"/_control/contacts/{one}" for one in contact_ids]
    paths += [f"/oauth/v1/{kind}-tokens/{token}" for kind in ("access", "refresh") for token in tokens]
    shown: dict[str, Any] = {path: shown_at(simulator, path) for path in paths}
    shown["search"] = simulator.post("/search", {"limit": 100, "properties": ["email", "city"]})
    return shown


def shown_at(simulator: RunningSimulator, path: str) -> tuple[int, Any]:
    """Status and body, without the correlation id."""
    answer = simulator.api.get(path)
    body = answer.json()
    body.pop("correlationId", None)
    return answer.status_code, body


def busy(simulator: RunningSimulator) -> tuple[list[str], list[str]]:
    """Use everything that has a state; answers all ids and all tokens."""
    control = simulator.control
    control.set(search_lag_seconds=0, read_lag_seconds=1)
    control.set_webhooks("http://127.0.0.1:9/", [{"eventType": "contact.creation"}, {"eventType": "object.merge"}])
    for name, unique in (("lead", True), ("gone", False)):
        body = {**UNIQUE, "name": name, "hasUniqueValue": unique, "label": 5, "displayOrder": 1.0, "description": None}
        assert simulator.api.post("/crm/v3/properties/contacts", json=body).status_code == 201
    assert simulator.api.delete("/crm/v3/properties/contacts/gone").status_code == 204
    ids = [simulator.create(email=email, firstname="Zoë \U0001f984", lead=str(n)) for n, email in enumerate(PEOPLE, 7)]
    control.edit_contact(ids[0], {"city": "Rome"}, source="IMPORT", source_id=17)
    ids.append(control.merge(ids[0], ids[1]))
    control.delete_contact(ids[2])
    control.gdpr_delete(ids[3])
    simulator.post("/gdpr-delete", {"objectId": PEOPLE[3], "idProperty": "email"}, 204)
    control.advance(3600)
    assert simulator.api.post("/_control/portals", json={"portal_id": 42, "app_id": APP_ID}).status_code == 201
    simulator.api.post("/_control/contacts?portal_id=42", json={"properties": {"email": "a@example.com"}})
    simulator.api.post("/_control/apps", json={"app_id": 5, "scopes": ["oauth", 1], "portals": [42]})
    made = simulator.api.post("/_control/tokens", json={"token": "short", "app_id": 5, "expires_in": 60}).json()
    refresh = simulator.api.post("/_control/oauth/refresh_tokens", json={"portal_id": 42}).json()["refresh_token"]
    return ids, [made["token"], refresh, "na1-simulator-refresh-token"]


def test_everything_that_the_api_tells_is_the_same_after_a_restart() -> None:
    """Contacts with history, archived, merged and erased ones, properties, apps, webhooks and tokens are restored."""
    old = new_simulator()
    first = RunningSimulator(old)
    try:
        ids, tokens = busy(first)
        before = readable(first, ids, tokens)
        before["/_control"][1]["outstanding"] = 0  # the target never answers; open deliveries are not kept
    finally:
        first.stop()
    second = RunningSimulator(restarted(old))
    try:
        assert readable(second, ids, tokens) == before
        blocked = second.api.post(CONTACTS, json={"properties": {"email": PEOPLE[3]}})
        assert "blocked" in blocked.text
    finally:
        second.stop()


def test_ids_are_reserved_ahead() -> None:
    """A killed simulator repeats nothing that it issued after its last save: ids, subscription ids, tokens, codes."""
    old = new_simulator()
    document = dump(old, ahead=True)
    app, tokens = old.app(), old.tokens
    contacts = {
        old.add_portal(portal).contacts.create({"city": "Rome"}, person_author()).id for portal in (42, 48975575)
    }
    given_out = (app.subscriptions.create({"eventType": "contact.merge"}).id, tokens.issue_code(app, 42, ()))
    new = new_simulator()
    load(new, document)
    for portal in (42, 48975575):
        assert new.add_portal(portal).contacts.create({"city": "Rome"}, person_author()).id > max(contacts)
    assert new.app().subscriptions.create({"eventType": "contact.merge"}).id > given_out[0]
    assert new.tokens.issue_code(new.app(), 42, ()) != given_out[1]


def test_a_clean_stop_leaves_no_gap() -> None:
    """After a clean stop the next id is as near as any other."""
    old = new_simulator()
    last = old.portal().contacts.create({"city": "Rome"}, person_author()).id
    assert 0 < restarted(old).portal().contacts.create({"city": "Rome"}, person_author()).id - last <= 50


def test_a_revoked_token_stays_revoked_and_a_new_one_of_the_settings_works() -> None:
    """The state wins over the same settings; settings that changed are added to it."""
    old = new_simulator()
    old.app().configure({"targetUrl": "http://127.0.0.1:9/"}, old.clock)
    old.tokens.revoke("pat-na1-simulator")
    assert restarted(old).tokens.find("pat-na1-simulator") is None
    new = restarted(old, settings=replace(Settings(), token="pat-new", client_secret="other", portal_id=7))
    token = new.tokens.authenticate("Bearer pat-new")
    assert (token.portal_id, new.app().client_secret, new.app().target_url) == (7, "other", "http://127.0.0.1:9/")
    assert set(new.portals) == {48975575, 7}


def test_another_version_is_refused_and_changes_nothing() -> None:
    """A document of another version is refused by its version."""
    simulator = new_simulator()
    document = dump(simulator, ahead=False).replace(b'"version":1', b'"version":2')
    with pytest.raises(msgspec.ValidationError, match="version"):
        load(simulator, document)
    assert simulator.tokens.find("pat-na1-simulator") is not None


def test_text_that_no_state_could_hold_is_refused(hubspot: RunningSimulator) -> None:
    """Half a surrogate pair is no text: HubSpot's API and the control API refuse it."""
    for path in (CONTACTS, "/_control/contacts"):
        answer = hubspot.api.post(path, content=b'{"properties": {"firstname": "\\ud800"}}')
        assert answer.status_code == 400
    assert hubspot.control.contacts() == []
