"""Signed webhook deliveries."""

import json
import time

import pytest
from hubspot.utils.signature import Signature
from unit.simulator.support import APP_ID, CONTACTS, Receiver, RunningSimulator, wait_until

SECRET = "simulator-secret"


def test_create_tells_creation_and_each_subscribed_property(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """A create by token makes a creation event and one per subscribed property set, all at the same time."""
    made = hubspot.create(email="ada@example.com", firstname="Ada", city="Rome")
    events = receiver.wait_for(3)
    hubspot.control.wait_idle()
    assert len(receiver.received) == 1
    assert [event["subscriptionType"] for event in events] == ["contact.creation"] + ["contact.propertyChange"] * 2
    assert {event["propertyName"]: event["propertyValue"] for event in events[1:]} == {
        "email": "ada@example.com",
        "firstname": "Ada",
    }
    assert {event["occurredAt"] for event in events} == {events[0]["occurredAt"]}
    assert list(events[0]) == [
        "eventId",
        "subscriptionId",
        "portalId",
        "appId",
        "occurredAt",
        "subscriptionType",
        "attemptNumber",
        "objectId",
        "changeFlag",
        "changeSource",
        "sourceId",
    ]
    assert (events[0]["objectId"], events[0]["changeFlag"]) == (int(made), "CREATED")
    assert {(event["changeSource"], event["sourceId"]) for event in events} == {("INTEGRATION", str(APP_ID))}


def test_body_headers_and_both_signatures(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """A delivery is compact JSON with the recorded headers, and the official helper accepts v1 and v3."""
    hubspot.create(email="zoë@example.com", firstname="Zoë")
    receiver.wait_for(3)
    one = receiver.received[0]
    text = one.body.decode()
    assert text == json.dumps(one.events, separators=(",", ":"), ensure_ascii=False)
    assert one.headers["user-agent"].startswith("HubSpot Connect 2.0")
    assert one.headers["x-hubspot-timeout-millis"] == "10000"
    assert one.headers["x-hubspot-signature-version"] == "v1"
    assert Signature.is_valid(one.headers["x-hubspot-signature"], SECRET, text, signature_version="v1")
    stamp = one.headers["x-hubspot-request-timestamp"]
    assert Signature.is_valid(
        one.headers["x-hubspot-signature-v3"], SECRET, text, receiver.url, signature_version="v3", timestamp=stamp
    )
    assert abs(int(stamp) / 1000 - time.time()) < 60


def test_edit_by_a_person_has_another_source(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """A person's edit is CRM_UI with a user id; any other source can be asked for."""
    hubspot.hold_events()
    made = hubspot.control.create_contact({"phone": "1"})
    hubspot.control.edit_contact(made, {"phone": "2"}, source="DATA_ENRICHMENT", source_id="Insights")
    hubspot.release_events()
    events = receiver.events()
    assert (events[0]["changeSource"], events[0]["sourceId"]) == ("CRM_UI", "userId:98499705")
    assert (events[2]["changeSource"], events[2]["sourceId"]) == ("DATA_ENRICHMENT", "Insights")


def test_no_event_without_an_effect(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """Writing the same value makes no event, unless emit_unchanged is on."""
    made = hubspot.create(phone="1")
    receiver.wait_for(2)
    hubspot.api.patch(f"{CONTACTS}/{made}", json={"properties": {"phone": "1"}})
    hubspot.control.wait_idle()
    assert len(receiver.events()) == 2
    hubspot.control.set(emit_unchanged=True)
    hubspot.api.patch(f"{CONTACTS}/{made}", json={"properties": {"phone": "1"}})
    assert receiver.wait_for(3)[2]["propertyValue"] == "1"


def test_deletion_restore_merge_and_erasure(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """Each kind of change has its event; a privacy deletion has two."""
    hubspot.hold_events()
    one, two, three = (hubspot.create(city=city) for city in ("a", "b", "c"))
    hubspot.control.delete_contact(one)
    hubspot.control.restore_contact(one)
    new = hubspot.control.merge(one, two)
    hubspot.control.gdpr_delete(three)
    hubspot.release_events()
    events = receiver.events()[3:]
    kinds = [event["subscriptionType"].removeprefix("contact.") for event in events]
    assert kinds == ["deletion", "restore", "merge", "privacyDeletion", "deletion"]
    assert events[0]["changeFlag"] == "DELETED"
    merge = events[2]
    assert (merge["primaryObjectId"], merge["mergedObjectIds"], merge["newObjectId"]) == (
        int(one),
        [int(two)],
        int(new),
    )


def test_burst_is_batched_by_a_hundred(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """Events of a burst travel together, at most a hundred in a delivery, each once."""
    made = hubspot.control.create_contacts(80)
    receiver.wait_for(320)
    hubspot.control.wait_idle()
    assert sorted(len(one.events) for one in receiver.received) == [20, 100, 100, 100]
    created = [event["objectId"] for event in receiver.events() if event["subscriptionType"] == "contact.creation"]
    assert sorted(created) == [int(one) for one in made]


def test_failure_is_retried_with_a_fresh_signature(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """Any answer but 2xx is retried; attemptNumber grows, the event ids stay, and time and signature are new."""
    hubspot.control.set(retry_scale=0.0005)
    receiver.answer = lambda number: (500, 401, 302, 200)[number - 1]
    hubspot.create(city="Rome")
    wait_until(lambda: len(receiver.received) == 4)
    hubspot.control.wait_idle()
    assert [one.events[0]["attemptNumber"] for one in receiver.received] == [0, 1, 2, 3]
    assert len({one.events[0]["eventId"] for one in receiver.received}) == 1
    for one in receiver.received:
        stamp = one.headers["x-hubspot-request-timestamp"]
        body, version = one.body.decode(), "v3"
        expected = Signature.get_signature(SECRET, body, version, receiver.url, "POST", stamp)
        assert one.headers["x-hubspot-signature-v3"] == expected
    delivery = hubspot.control.deliveries()[-1]
    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 401, 302, 200]
    assert delivery["state"] == "delivered"


def test_delivery_is_lost_after_the_last_retry(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """After ten retries a delivery is given up."""
    hubspot.control.set(retry_scale=0.0)
    receiver.answer = lambda _number: 503
    hubspot.create(city="Rome")
    hubspot.control.wait_idle()
    assert len(receiver.received) == 11
    assert hubspot.control.deliveries()[-1]["state"] == "lost"
    assert hubspot.control.delivery_counts()["lost"] == 1


def test_retry_waits_for_the_simulated_clock(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """On HubSpot's own scale the first retry comes after a minute of simulated time."""
    hubspot.control.set(retry_scale=1.0)
    receiver.answer = lambda number: 500 if number == 1 else 200
    hubspot.create(city="Rome")
    wait_until(lambda: bool(hubspot.control.delivery_counts()["attempts"] == 1))
    hubspot.control.advance(70)
    hubspot.control.wait_idle()
    assert len(receiver.received) == 2


def test_slow_and_unreachable_targets_are_failures(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """No answer within the deadline, and no connection at all, count as failures."""
    hubspot.control.set(delivery_timeout_seconds=0.05, max_retries=0)
    receiver.seconds = 0.2
    hubspot.create(city="Rome")
    hubspot.control.wait_idle()
    assert hubspot.control.deliveries()[-1]["attempts"][0]["error"] == "timeout"
    hubspot.control.set(delivery_timeout_seconds=5.0)
    answer = hubspot.control.send_events([{"eventId": 1}], url="http://127.0.0.1:9/")
    assert answer["state"] == "lost"
    assert "ConnectError" in answer["attempts"][0]["error"]


def test_never_more_in_flight_than_allowed(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """At most maxConcurrentRequests deliveries of an app wait for their answers."""
    hubspot.control.set_webhooks(receiver.url, [{"eventType": "contact.creation"}], max_concurrent_requests=6)
    hubspot.control.set(batch_size=1)
    receiver.seconds = 0.02
    hubspot.control.create_contacts(30)
    receiver.wait_for(30)
    assert 1 < receiver.most_in_flight <= 6


def test_generic_format(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """Generic subscriptions, or the setting, give object.* events with objectTypeId and isSensitive."""
    wanted = [{"eventType": "object.creation"}, {"eventType": "object.propertyChange", "propertyName": "phone"}]
    hubspot.control.set_webhooks(receiver.url, wanted)
    hubspot.create(phone="1")
    created, changed = receiver.wait_for(2)
    assert (created["subscriptionType"], created["objectTypeId"]) == ("object.creation", "0-1")
    assert (changed["subscriptionType"], changed["isSensitive"]) == ("object.propertyChange", False)
    hubspot.control.set(event_format="classic")
    hubspot.create(city="x")
    assert receiver.wait_for(3)[2]["subscriptionType"] == "contact.creation"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({"duplicate_probability": 1.0}, 40), ({"drop_probability": 1.0}, 0), ({"disorder_seconds": 0.2}, 20)],
)
def test_disturbances(
    hubspot: RunningSimulator, receiver: Receiver, settings: dict[str, object], expected: int
) -> None:
    """Events can be doubled, dropped or shuffled."""
    hubspot.control.set_webhooks(receiver.url, [{"eventType": "contact.creation"}])
    hubspot.control.set(**settings)
    made = hubspot.control.create_contacts(20)
    hubspot.control.wait_idle()
    seen = [str(event["objectId"]) for event in receiver.events()]
    assert len(seen) == expected
    assert set(seen) <= set(made)
    if "disorder_seconds" in settings:
        assert seen != made


def test_odd_fields(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """Events can share their id, lack sourceId and carry an unknown field."""
    hubspot.control.set(same_event_ids=True, omit_source_id=True, extra_fields=True)
    hubspot.create(phone="1")
    events = receiver.wait_for(2)
    assert {event["eventId"] for event in events} == {100}
    assert all("sourceId" not in event and "fieldOfTomorrow" in event for event in events)


def test_hand_made_events(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """Any array can be sent to the target, signed and unchanged."""
    event = {"eventId": 100, "objectId": 123, "subscriptionType": "contact.propertyChange"}
    answer = hubspot.control.send_events([event, "nonsense"])
    assert answer["attempts"][0]["status"] == 200
    assert receiver.received[0].events == [event, "nonsense"]


def test_paused_and_unset_apps_hear_nothing(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """Inactive subscriptions and apps without a target URL make no deliveries."""
    hubspot.control.set_webhooks(receiver.url, [{"eventType": "contact.creation", "active": False}])
    hubspot.create(city="a")
    hubspot.control.reset()
    hubspot.create(city="b")
    hubspot.control.wait_idle()
    assert receiver.received == []


def test_portals_are_isolated(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """An account's contacts are its own; the one target URL of an app serves all accounts that installed it."""
    hubspot.control.add_portal(777, app_id=APP_ID)
    token = hubspot.control.add_token(portal_id=777)
    mine = hubspot.create(email="ada@example.com")
    headers = {"Authorization": f"Bearer {token}"}
    other = hubspot.api.post(CONTACTS, json={"properties": {"email": "ada@example.com"}}, headers=headers)
    assert other.status_code == 201
    assert hubspot.api.get(f"{CONTACTS}/{mine}", headers=headers).status_code == 404
    receiver.wait_for(4)
    assert {one.events[0]["portalId"] for one in receiver.received} == {48975575, 777}
    assert all(len({event["portalId"] for event in one.events}) == 1 for one in receiver.received)


def test_accounts_can_share_a_delivery(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """With mix_portals one delivery holds events of several accounts."""
    hubspot.control.set(mix_portals=True)
    hubspot.hold_events()
    hubspot.control.add_portal(777, app_id=APP_ID)
    headers = {"Authorization": f"Bearer {hubspot.control.add_token(portal_id=777)}"}
    hubspot.create(city="a")
    hubspot.api.post(CONTACTS, json={"properties": {"city": "b"}}, headers=headers)
    hubspot.release_events()
    assert [event["portalId"] for event in receiver.received[0].events] == [48975575, 777]


def test_merge_can_tell_more(hubspot: RunningSimulator, receiver: Receiver) -> None:
    """With merge_extra_events a merge also sends a creation for the new record and deletions for the old ones."""
    hubspot.control.set(merge_extra_events=True)
    hubspot.hold_events()
    one, two = hubspot.create(city="a"), hubspot.create(city="b")
    new = hubspot.control.merge(one, two)
    hubspot.release_events()
    events = receiver.events()[2:]
    sent = [(event["subscriptionType"].removeprefix("contact."), event["objectId"]) for event in events]
    assert sent == [("merge", int(one)), ("creation", int(new)), ("deletion", int(one)), ("deletion", int(two))]
