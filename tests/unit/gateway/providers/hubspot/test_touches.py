import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from webhook_gateway.problem import NotVerifiedError, Problem
from webhook_gateway.providers.base import ParsedDelivery, Touch, TouchKind
from webhook_gateway.providers.hubspot.body import MAX_EVENTS
from webhook_gateway.providers.hubspot.event import MOST_MERGED
from webhook_gateway.providers.hubspot.events import show
from webhook_gateway.providers.hubspot.touches import UNKNOWN_ACCOUNT, parse

PAYLOADS = Path(__file__).parents[4] / "fixtures" / "webhooks" / "hubspot"
ANY_APP: frozenset[str] = frozenset()
# On a loaded machine making events may be slow, which is no fault.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _touch(record: str, kind: TouchKind, at: int, source: str, into: str = "") -> Touch:
    return Touch("contact", record, kind, at, source, into)


OURS, PERSON = "INTEGRATION:39522895", "CRM_UI:userId:98499705"
EXPECTED = {
    "contact-creation": [_touch("508369434347", TouchKind.CREATED, 1782371969536, OURS)],
    "contact-property-change": [_touch("508369434347", TouchKind.CHANGED, 1782371969536, OURS)],
    "contact-deletion": [_touch("508369434347", TouchKind.DELETED, 1782371970538, OURS)],
    "contact-property-change-sensitive": [
        _touch("847297356", TouchKind.CHANGED, 1715203101896, "CRM_UI:userId:882761034")
    ],
    "object-property-change": [_touch("546500061938", TouchKind.CHANGED, 1788597072520, PERSON)],
    "object-deletion-custom-object": [],
    "test-button": [_touch("123", TouchKind.CHANGED, 1731612210994, "CRM")],
    "contact-merge": [
        _touch("205", TouchKind.CHANGED, 1782372000000, PERSON),
        _touch("101", TouchKind.MERGED, 1782372000000, PERSON, "205"),
        _touch("102", TouchKind.MERGED, 1782372000000, PERSON, "205"),
    ],
    "contact-restore": [_touch("101", TouchKind.RESTORED, 1782372000000, PERSON)],
    "contact-privacy-deletion": [_touch("101", TouchKind.ERASED, 1782372000000, PERSON)],
    "contact-association-change": [],
    "object-association-change": [],
}


def _event(**changes: Any) -> dict[str, Any]:
    event = json.loads((PAYLOADS / "contact-creation.json").read_text())[0]
    return {name: value for name, value in (event | changes).items() if value is not ...}


def _parse(*events: Any) -> list[ParsedDelivery]:
    return parse(json.dumps(list(events)).encode(), ANY_APP)


def _one(*events: Any) -> ParsedDelivery:
    (delivery,) = _parse(*events)
    return delivery


def test_every_recorded_payload_is_expected() -> None:
    """No recorded payload lies around without a claim about it."""
    assert {path.stem for path in PAYLOADS.glob("*.json")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_recorded_payloads(name: str) -> None:
    """What HubSpot really sends asks to look at exactly these records."""
    body = (PAYLOADS / f"{name}.json").read_bytes()
    (delivery,) = parse(body, ANY_APP)
    assert list(delivery.touches) == EXPECTED[name]
    assert (delivery.event_count, delivery.ignored_count) == (1, 0 if EXPECTED[name] else 1)
    assert delivery.events == body
    assert delivery.account_id == str(json.loads(body)[0]["portalId"])


@pytest.mark.parametrize("name", EXPECTED)
def test_whom_a_recorded_event_is_about(name: str) -> None:
    """Every event names the contact that it is about, also if it is not synced; of a merge the one that survives."""
    (delivery,) = parse((PAYLOADS / f"{name}.json").read_bytes(), ANY_APP)
    touched = [touch.record_id for touch in EXPECTED[name]][:1]
    others = {"object-deletion-custom-object": [""]}
    associated = ["101"]  # kept without being synced
    assert list(delivery.event_record_ids) == (touched or others.get(name, associated))


def test_whom_events_are_about() -> None:
    """There is one record for each event, in their order; none for another kind of record or what is no id."""
    delivery = _one(
        _event(objectId=7),
        _event(subscriptionType="company.creation", objectId=8),
        _event(subscriptionType="contact.somethingNew", objectId="9"),
        _event(subscriptionType="contact.somethingNew", objectId={"new": True}),
        _event(subscriptionType="contact.somethingNew", objectId=True, fromObjectId=10**19),
        _event(subscriptionType="object.somethingNew", objectId=1, objectTypeId="0-2", fromObjectId=2),
        _event(subscriptionType="contact.merge", objectId=11, primaryObjectId=11, mergedObjectIds=[12]),
        _event(subscriptionType="contact.merge", objectId=11, primaryObjectId=11, newObjectId=13, mergedObjectIds=[12]),
        _event(objectId=7),
    )
    assert delivery.event_record_ids == ("7", "", "9", "", "", "", "11", "13", "7")


def test_each_portal_gets_its_own_records() -> None:
    """Where a request is split by portal, the records stay with their events."""
    first, second = _parse(_event(objectId=1), _event(objectId=2, portalId=5), _event(objectId=3))
    assert (first.event_record_ids, second.event_record_ids) == (("1", "3"), ("2",))


def test_a_key_stays_what_it_was() -> None:
    """The key of a request is the same in the next release, so that one sent again meanwhile is known."""
    (delivery,) = parse((PAYLOADS / "contact-merge.json").read_bytes(), ANY_APP)
    assert delivery.delivery_key == "69b5ba749c9bd51ddfa4c917a98ccef5ad897a3b3fc519ec202674e22490ece1"


@pytest.mark.parametrize(
    "name",
    ["company.creation", "contact.associationChange", "conversation.newMessage", "contact.somethingNew", "deal.merge"],
)
def test_other_kinds_are_kept_and_ignored(name: str) -> None:
    """Events that are not synced are counted as ignored, whatever they look like."""
    delivery = _one(_event(subscriptionType=name, objectId={"new": True}, messageId="x"), _event())
    assert (delivery.event_count, delivery.ignored_count, len(delivery.touches)) == (2, 1, 1)


def test_event_type_is_an_alias() -> None:
    """The name that HubSpot's table uses is understood too."""
    delivery = _one(_event(subscriptionType=..., eventType="contact.deletion"))
    assert delivery.touches[0].kind is TouchKind.DELETED


def test_generic_events_of_other_objects_are_ignored() -> None:
    """`object.*` is a contact only with objectTypeId 0-1."""
    for type_id in ("0-2", "2-1", None, 1, ...):
        assert _one(_event(subscriptionType="object.creation", objectTypeId=type_id)).touches == ()


def test_touches_of_a_record_and_kind_are_one() -> None:
    """Many events on one record make one touch per kind, with the newest time and its source."""
    delivery = _one(
        _event(subscriptionType="contact.propertyChange", occurredAt=5, changeSource="CRM_UI", sourceId="userId:1"),
        _event(subscriptionType="contact.propertyChange", occurredAt=9, changeSource="IMPORT", sourceId=7),
        _event(subscriptionType="contact.propertyChange", occurredAt=7),
        _event(occurredAt=5),
    )
    assert [(touch.kind, touch.occurred_at_ms, touch.source) for touch in delivery.touches] == [
        (TouchKind.CHANGED, 9, "IMPORT:7"),
        (TouchKind.CREATED, 5, OURS),
    ]


def test_a_merge_without_a_new_record_keeps_the_primary() -> None:
    """Before January 2025 the primary record survived a merge."""
    delivery = _one(
        _event(subscriptionType="contact.merge", objectId=11, primaryObjectId=11, mergedObjectIds=[12, 13, 12])
    )
    assert [(touch.record_id, touch.kind, touch.into_record_id) for touch in delivery.touches] == [
        ("11", TouchKind.CHANGED, ""),
        ("12", TouchKind.MERGED, "11"),
        ("13", TouchKind.MERGED, "11"),
    ]


def test_a_request_may_name_several_portals() -> None:
    """Each portal gets a delivery of its own, with its events as received."""
    first, second = _parse(_event(portalId=1), _event(portalId=2, objectId=5), _event(portalId=1, objectId=6))
    assert (first.account_id, first.event_count) == ("1", 2)
    assert (second.account_id, second.event_count) == ("2", 1)
    assert json.loads(second.events) == [_event(portalId=2, objectId=5)]
    assert json.loads(first.events)[1]["objectId"] == 6
    assert {first.delivery_key} != {second.delivery_key}


@pytest.mark.parametrize(
    "surprise",
    [
        {},
        {"portalId": 48975575},
        _event(objectId=...),
        _event(objectId=1.5),
        _event(objectId=-1),
        _event(objectId="12a"),
        _event(objectId={"id": 1}),
        _event(subscriptionType=...),
        _event(subscriptionType=7),
        _event(subscriptionType=""),
        _event(subscriptionType={"name": "contact.creation"}, objectId=...),
        _event(subscriptionType="contact.merge", objectId=..., mergedObjectIds=[1]),
    ],
)
def test_an_event_that_is_not_understood_is_kept(surprise: dict[str, Any]) -> None:
    """An event that is not understood loses neither itself nor its neighbours: it is kept, and counted apart."""
    good = _event(objectId=7)
    delivery = _one(good, surprise)
    assert json.loads(delivery.events) == [good, surprise]
    assert (delivery.account_id, delivery.event_count, delivery.not_understood) == ("48975575", 2, 1)
    assert (delivery.ignored_count, [touch.record_id for touch in delivery.touches]) == (1, ["7"])
    assert len(show(delivery.events)) == len(delivery.event_record_ids) == 2


@pytest.mark.parametrize("portal", [..., None, "x", True, 1.5, -1, [1]])
def test_an_event_of_no_portal_goes_with_its_neighbours(portal: Any) -> None:
    """It belongs to the one portal that the request names; without one, or with two, its account is unknown."""
    both = _one(_event(objectId=7), _event(objectId=8, portalId=portal))
    assert (both.account_id, len(both.touches), both.not_understood) == ("48975575", 2, 0)
    alone = _one(_event(portalId=portal))
    assert (alone.account_id, alone.not_understood) == (UNKNOWN_ACCOUNT, 1)
    several = _parse(_event(portalId=1), _event(portalId=2), _event(portalId=portal))
    assert [item.account_id for item in several] == ["1", "2", UNKNOWN_ACCOUNT]
    assert not UNKNOWN_ACCOUNT.isdecimal()


def test_a_merge_of_thousands_touches_a_thousand() -> None:
    """One event makes no more work than HubSpot's largest merge would."""
    delivery = _one(_event(subscriptionType="contact.merge", objectId=1, mergedObjectIds=list(range(2, 10_002))))
    assert len(delivery.touches) == 1 + MOST_MERGED
    assert delivery.touches[0].record_id == "1"


def test_the_readable_part_of_a_broken_event_counts() -> None:
    """Of a merge whose list is broken in places, the records that can be read are touched."""
    delivery = _one(_event(subscriptionType="contact.merge", objectId=1, mergedObjectIds=[2, "x", None, {}]))
    assert [(touch.record_id, touch.kind) for touch in delivery.touches] == [
        ("1", TouchKind.CHANGED),
        ("2", TouchKind.MERGED),
    ]


def test_a_nameless_event_is_about_its_object() -> None:
    """An erasure finds an event without a name by the id that it holds, whatever kind of record that is."""
    assert _one(_event(subscriptionType=..., objectId=9)).event_record_ids == ("9",)


def test_half_an_emoji() -> None:
    """A value that was cut in the middle of a character is JSON but not text; the event is kept as it came."""
    body = json.dumps([_event(objectId=1, propertyValue="\ud83d"), _event(objectId=2, portalId=5)]).encode()
    first, second = parse(body, ANY_APP)
    assert (first.event_count, first.touches[0].record_id, second.touches[0].record_id) == (1, "1", "2")
    (shown,) = show(first.events)
    assert shown.value == "?"
    (whole,) = parse(json.dumps([_event(propertyValue="\ud83d")]).encode(), ANY_APP)
    assert json.loads(whole.events)[0]["propertyValue"] == "\ud83d"
    msgspec.json.encode(show(whole.events))


def test_a_number_without_bounds() -> None:
    """An event whose value is a number too large to read is kept and shown, without properties and values."""
    body = json.dumps([_event(objectId=1, propertyValue="x"), _event(objectId=2, propertyValue="?")]).encode()
    (delivery,) = parse(body.replace(b'"?"', b"1e999"), ANY_APP)
    assert [(event.record_id, event.value) for event in show(delivery.events)] == [("1", None), ("2", None)]
    assert [event.property for event in show(delivery.events)] == [None, None]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "malformed_json"),
        (b"[", "malformed_json"),
        (b"\xff", "malformed_json"),
        (b'["\xff"]', "malformed_json"),
        (b'[{"objectId":1,"other":"\xff"}]', "malformed_json"),
        (b"[" * 100_000, "malformed_json"),
        (b"{}", "not_an_event_array"),
        (b"[]", "not_an_event_array"),
        (b"null", "not_an_event_array"),
        (b"[1]", "not_an_event_array"),
        (b"[" + b",".join([b"{}"] * (MAX_EVENTS + 1)) + b"]", "not_an_event_array"),
    ],
)
def test_other_bodies_are_refused(body: bytes, reason: str) -> None:
    """What is no JSON array of events is refused with a stable reason."""
    with pytest.raises(Problem) as caught:
        parse(body, ANY_APP)
    assert (caught.value.status, caught.value.reason) == (400, reason)


def test_an_app_speaks_only_for_itself() -> None:
    """Events of another app than the secret's are refused; without an app id on the secret any app passes."""
    body = json.dumps([_event(), _event(appId=5)]).encode()
    assert parse(body, ANY_APP)
    assert parse(json.dumps([_event()]).encode(), frozenset({"39522895"}))
    with pytest.raises(NotVerifiedError, match="app_mismatch"):
        parse(body, frozenset({"39522895"}))
    with pytest.raises(NotVerifiedError, match="app_mismatch"):
        parse(json.dumps([_event(appId=...)]).encode(), frozenset({"39522895"}))


def test_a_senseless_time_or_source_is_ignored() -> None:
    """Times and sources that make no sense do not lose the event."""
    touch = _one(_event(occurredAt="yesterday", changeSource=["x"], sourceId=None)).touches[0]
    assert (touch.occurred_at_ms, touch.source) == (None, "")
    assert _one(_event(occurredAt=10**30)).touches[0].occurred_at_ms is None


def test_events_are_named_as_people_know_them() -> None:
    """Every event is shown with its name, object and record, ignored or not."""
    delivery = _one(_event(objectId=12345), _event(subscriptionType="object.deletion", objectTypeId="0-1", objectId=7))
    shown = [(event.type, event.object_type, event.record_id, event.ignored) for event in show(delivery.events)]
    assert shown == [("contact.creation", "contact", "12345", False), ("object.deletion", "contact", "7", False)]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_NAMES = st.sampled_from(
    ["contact.creation", "contact.merge", "object.propertyChange", "contact.privacyDeletion", "company.creation", "x"]
)
_FIELDS = st.sampled_from(
    ["objectId", "objectTypeId", "occurredAt", "sourceId", "appId", "newObjectId", "mergedObjectIds", "portalId", "z"]
)
_EVENTS = st.lists(
    st.builds(
        lambda name, extra, attempt: {"portalId": 1, "subscriptionType": name, "attemptNumber": attempt} | extra,
        _NAMES,
        st.dictionaries(_FIELDS, _JSON | st.integers(0, 99), max_size=6),
        st.integers(0, 10),
    ),
    max_size=4,
)


def _is_array_of_objects(body: bytes) -> bool:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, list) and bool(found) and all(isinstance(item, dict) for item in found)


@unhurried
@example(b'[{"":"\xff"}]')
@given(
    st.binary() | _JSON.map(lambda value: json.dumps(value).encode()) | _EVENTS.map(lambda e: json.dumps(e).encode())
)
def test_nothing_but_a_parse_error(body: bytes) -> None:
    """Every array of objects parses, and accounts for every event; whatever else comes in is refused."""
    try:
        deliveries = parse(body, ANY_APP)
    except Problem:
        assert not _is_array_of_objects(body)
        return
    assert sum(delivery.event_count for delivery in deliveries) == len(json.loads(body))
    for delivery in deliveries:
        assert len(show(delivery.events)) == delivery.event_count
        assert len({(touch.record_id, touch.kind) for touch in delivery.touches}) == len(delivery.touches)
        json.loads(delivery.events)


_USUAL = {
    "portalId": 48975575,
    "subscriptionType": "contact.propertyChange",
    "objectId": 101,
    "occurredAt": 1782371969536,
    "changeSource": "CRM_UI",
    "sourceId": "userId:1",
}
_ODD = [0, -1, 1.0, True, 2**63 - 1, 2**63, 253_402_300_799_999, 253_402_300_800_000, "", "7", "x" * 300, [], None]
_TYPES = ["contact.creation", "contact.deletion", "contact.merge", "contact.restore", "contact.privacyDeletion", "x.y"]
_FIELDS_AND_VALUES = [
    *((field, value) for field in (*_USUAL, "eventType", "objectTypeId", "newObjectId") for value in _ODD),
    *(("subscriptionType", name) for name in _TYPES),
]


@pytest.mark.parametrize(("field", "value"), _FIELDS_AND_VALUES)
def test_neighbours_change_nothing(field: str, value: object) -> None:
    """An event says the same, be it read as the usual one that it nearly is or beside one that says nothing."""
    event = _USUAL | {field: value}
    alone, beside = _one(event), _one(event, {"portalId": event["portalId"]})
    assert (alone.account_id, alone.touches) == (beside.account_id, beside.touches)
    assert alone.event_record_ids == beside.event_record_ids[:1]


@unhurried
@given(_EVENTS, st.integers(0, 10**6), st.sampled_from([None, 2]))
def test_the_key_is_of_what_happened(events: list[dict[str, Any]], attempt: int, indent: int | None) -> None:
    """A retry, which differs in the number of the attempt, has the same key."""
    again = [event | {"attemptNumber": attempt} for event in events]
    try:
        before = parse(json.dumps(events, indent=indent).encode(), ANY_APP)
    except Problem:
        return
    after = parse(json.dumps(again, indent=indent).encode(), ANY_APP)
    assert [item.delivery_key for item in before] == [item.delivery_key for item in after]


def test_only_an_attempt_is_left_out_of_the_key() -> None:
    """A value that looks like a number of attempts counts like any other."""
    looks = ['"attemptNumber":1', ',"attemptNumber":1', '\\"attemptNumber":1', "attemptNumber"]
    for look in looks:
        one, two = (_one(_event(propertyValue=f"{look}{end}")) for end in ("", "0"))
        assert one.delivery_key != two.delivery_key
    assert _one(_event(attemptNumber="1")).delivery_key != _one(_event(attemptNumber="2")).delivery_key
    one, two = (_one(_event(**{'x"attemptNumber': number})) for number in (1, 2))
    assert one.delivery_key != two.delivery_key


def test_different_events_have_different_keys() -> None:
    """Any other difference makes another delivery, the order of events and the portal included."""
    one, two = _event(objectId=1), _event(objectId=2)
    bodies = [[one], [two], [one, two], [two, one], [one | {"portalId": 9}], [one | {"extra": None}]]
    keys = {parse(msgspec.json.encode(body), ANY_APP)[0].delivery_key for body in bodies}
    assert len(keys) == len(bodies)
