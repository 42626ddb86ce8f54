"""The control API: faults, counts, clock, reset."""

import httpx
import pytest
from hubspot_simulator.client import ControlError
from unit.simulator.support import APP_ID, CONTACTS, RunningSimulator


def test_fault_answers_so_many_times(hubspot: RunningSimulator) -> None:
    """A planned status answers the next matching calls, then calls pass again; others are not touched."""
    hubspot.control.fault("POST", CONTACTS, times=2, status=502, headers={"Retry-After": "1"})
    assert hubspot.api.get(CONTACTS).status_code == 200
    for _ in range(2):
        answer = hubspot.api.post(CONTACTS, json={"properties": {"firstname": "A"}})
        assert (answer.status_code, answer.headers["Retry-After"]) == (502, "1")
    hubspot.create(firstname="A")
    assert len(hubspot.control.contacts()) == 1


def test_fault_matches_dated_paths_and_can_skip(hubspot: RunningSimulator) -> None:
    """A fault on the v3 path also meets its dated spelling, and can let calls pass first."""
    hubspot.control.fault("GET", CONTACTS, times=None, skip=1, status=500, body={"broken": True})
    path = "/crm/objects/2026-03/contacts"
    assert [hubspot.api.get(path).status_code for _ in range(3)] == [200, 500, 500]
    assert hubspot.api.get(path).json() == {"broken": True}
    hubspot.control.clear_faults()
    assert hubspot.api.get(path).status_code == 200


@pytest.mark.parametrize(("when", "kept"), [("before", 0), ("after", 1)])
def test_connection_can_be_cut(hubspot: RunningSimulator, when: str, kept: int) -> None:
    """A cut before loses the write; a cut after applies it without an answer."""
    hubspot.control.fault("POST", CONTACTS, **{f"drop_connection_{when}": True})
    with pytest.raises(httpx.RemoteProtocolError):
        hubspot.api.post(CONTACTS, json={"properties": {"firstname": "A"}})
    assert len(hubspot.control.contacts()) == kept
    assert hubspot.control.call_log()["statuses"] == {"dropped": 1}


def test_delay_lets_the_caller_time_out(hubspot: RunningSimulator) -> None:
    """A delayed call outlasts a caller's deadline."""
    hubspot.control.fault("GET", CONTACTS, delay_seconds=0.5)
    with pytest.raises(httpx.ReadTimeout):
        hubspot.api.get(CONTACTS, timeout=0.05)


def test_late_answer_comes_after_the_write(hubspot: RunningSimulator) -> None:
    """With answer_delay_seconds the write lands before its answer, so a caller that gives up cannot know."""
    hubspot.control.fault("POST", CONTACTS, answer_delay_seconds=0.5)
    with pytest.raises(httpx.ReadTimeout):
        hubspot.api.post(CONTACTS, json={"properties": {"firstname": "A"}}, timeout=0.1)
    assert len(hubspot.control.contacts()) == 1


def test_calls_are_counted_by_route(hubspot: RunningSimulator) -> None:
    """Calls are counted by method and route, whatever their ids, and can be reset."""
    one, two = hubspot.control.create_contacts(2)
    hubspot.api.get(f"{CONTACTS}/{one}")
    hubspot.api.get(f"{CONTACTS}/{two}")
    hubspot.post("/batch/read", {"inputs": [{"id": one}, {"id": two}]})
    assert hubspot.control.calls() == {
        "GET /crm/v3/objects/contacts/{contactId}": 2,
        "POST /crm/v3/objects/contacts/batch/read": 1,
    }
    assert hubspot.control.call_log()["log"][-1]["inputs"] == 2
    hubspot.control.reset_calls()
    assert hubspot.control.calls() == {}


def test_writes_are_counted_by_author_and_contact(hubspot: RunningSimulator) -> None:
    """Effective writes of apps and people are counted separately, and those without effect too."""
    made = hubspot.create(firstname="Ada")
    for name in ("Ada", "Eva", "Eva"):
        hubspot.api.patch(f"{CONTACTS}/{made}", json={"properties": {"firstname": name}})
    hubspot.control.edit_contact(made, {"firstname": "Ida"})
    writes = hubspot.control.writes()
    assert (writes["total"], writes["by_people"], writes["without_effect"]) == (2, 1, 2)
    assert writes["by_app"] == {str(APP_ID): 2}
    assert writes["by_contact"] == {made: 2}
    assert writes["by_kind"] == {"creation": 1, "update": 1}


def test_unknown_settings_and_faults_are_refused(hubspot: RunningSimulator) -> None:
    """A misspelt setting or fault field is an error, not silence."""
    with pytest.raises(ControlError, match="search_lag"):
        hubspot.control.set(search_lagg=1)
    with pytest.raises(ControlError, match="float"):
        hubspot.control.set(search_lag_seconds="1")
    with pytest.raises(ControlError, match="stauts"):
        hubspot.control.fault(stauts=500)


def test_reset_can_keep_apps(hubspot: RunningSimulator) -> None:
    """A reset forgets everything, or everything but apps, tokens and subscriptions."""
    hubspot.control.set_webhooks("http://127.0.0.1:9/", [{"eventType": "contact.creation"}])
    hubspot.create(firstname="Ada")
    hubspot.control.reset(keep_apps=True)
    assert hubspot.control.contacts() == []
    assert hubspot.control.settings()["search_lag_seconds"] == 0.5
    assert len(hubspot.control.apps()[0]["subscriptions"]) == 1
    assert hubspot.control.delivery_counts()["outstanding"] == 0
    hubspot.control.reset()
    assert hubspot.control.apps()[0]["target_url"] is None


def test_background_bump_moves_the_time(hubspot: RunningSimulator) -> None:
    """With background_bump_seconds, lastmodifieddate moves by itself after a creation."""
    hubspot.control.set(background_bump_seconds=20)
    made = hubspot.create(firstname="Ada")
    before = hubspot.control.contact(made)["updatedAt"]
    hubspot.control.advance(21)
    assert hubspot.api.get(f"{CONTACTS}/{made}").json()["updatedAt"] > before


def test_unknown_path_is_a_404_in_hubspots_shape(hubspot: RunningSimulator) -> None:
    """A path that does not exist is answered as HubSpot answers."""
    answer = hubspot.api.get("/crm/v3/objects/llamas")
    assert (answer.status_code, answer.json()["category"]) == (404, "OBJECT_NOT_FOUND")
    assert hubspot.api.put(CONTACTS).status_code == 405


def test_thousands_of_contacts_stay_fast(hubspot: RunningSimulator) -> None:
    """With 5,000 contacts, a batch of 100 takes a few milliseconds."""
    made = hubspot.control.create_contacts(5000)
    hubspot.control.reset_calls()
    for number in range(5):
        values = [{"id": one, "properties": {"phone": str(number), "city": "Rome"}} for one in made[:100]]
        hubspot.post("/batch/update", {"inputs": values})
        hubspot.post("/batch/read", {"inputs": [{"id": one} for one in made[-100:]]})
    log = hubspot.control.call_log()["log"]
    for action in ("update", "read"):
        best = min(entry["duration_ms"] for entry in log if entry["route"].endswith(action))
        assert best < 50, action  # one or two on an idle machine


def test_contact_can_be_read_under_its_old_id(hubspot: RunningSimulator) -> None:
    """The control API also follows merged ids and shows archived contacts."""
    one, two = hubspot.control.create_contacts(2)
    new = hubspot.control.merge(one, two)
    hubspot.control.delete_contact(new)
    assert hubspot.control.contact(two)["archived"] is True
    assert [found["id"] for found in hubspot.control.contacts(archived=True)] == [new]


def test_a_contact_has_a_page_for_people(hubspot: RunningSimulator) -> None:
    """At the address that HubSpot's own pages have, without a token: the contact with its history."""
    contact_id = hubspot.create(firstname="A")
    page = f"{hubspot.url}/contacts/48975575/record/0-1"
    assert httpx.get(f"{page}/{contact_id}").json() == hubspot.control.contact(contact_id)
    assert httpx.get(f"{page}/1").status_code == 404
