"""Which lead a record is, by the keys of its integration and by what a person has said."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lead_store.domain.decision import Case
from lead_store.domain.identity import Found, find_lead
from lead_store.domain.lead import Lead, empty_lead
from lead_store.domain.link import Link
from lead_store.domain.match import CREATE_NEW, Candidate, Match
from lead_store.domain.observation import Observation, Present
from lead_store.domain.rules import Direction, MatchKey, Reading, Target
from lead_store.domain.work_item import Notes, WorkItem

T0 = datetime(2026, 1, 1, tzinfo=UTC)
EMAIL, PHONE, NAME = MatchKey
TARGET = Target("i", "t", "hubspot", "1", Direction.BIDIRECTIONAL, match_keys=(EMAIL, PHONE, NAME), phone_region="CH")
NUMBER = "044 668 18 00"


def lead(name: str, *links: Link, **values: str) -> Lead:
    """A lead with values and links."""
    return replace(empty_lead(name, "t", "jazzaam", T0).with_values(values, T0, "platform"), links=links)


def case(values: dict[str, str], similar: Iterable[Lead], **changes: Any) -> Case:
    """A present reading of record 1, with leads around."""
    notes = changes.pop("notes", Notes())
    present = Present("1", T0, {n: Reading(v, v) for n, v in values.items()}, other_emails=changes.pop("others", ()))
    work_item = WorkItem("i/record/1", "t", "i", "1", notes=notes)
    given = {"target": TARGET, "similar": tuple(similar), **changes}
    return Case(
        work_item,
        Observation(work_item.work_item_id, 1, present),
        now=T0,
        platform="jazzaam",
        new_lead_id="",
        new_write_id="",
        **given,
    )


def linked_to(record_id: str, integration_id: str = "i", reason: str = "") -> Link:
    """A link in use, or detached for a reason."""
    return Link(integration_id, "hubspot", "1", record_id, detached_reason=reason)


def test_one_match_links_and_several_wait() -> None:
    """One free lead with a key in common is the record's; two wait for a person, with what each has in common."""
    one, two = lead("a", phone=NUMBER), lead("b", phone="+41446681800")
    values = {"phone": "0041446681800", "first_name": "Ada"}
    assert find_lead(case(values, [one])) == Found(one, newly=True, by_key=True)
    waits = find_lead(case(values, [one, two]))
    assert (waits.lead, waits.candidates) == (None, (Candidate("a", (PHONE,)), Candidate("b", (PHONE,))))


def test_a_lead_that_is_linked_elsewhere_waits() -> None:
    """A match that has another record is not taken from it without a person."""
    taken = lead("a", linked_to("9"), phone=NUMBER)
    assert find_lead(case({"phone": NUMBER}, [taken])).candidates == (Candidate("a", (PHONE,)),)


def test_other_keys_are_asked_only_if_no_email_matches() -> None:
    """A lead with the record's e-mail goes before one with its phone number."""
    by_email, by_phone = lead("b", email="ada@example.com"), lead("a", phone=NUMBER)
    found = find_lead(case({"email": "ADA@example.com", "phone": NUMBER}, [by_phone, by_email]))
    assert found.lead is by_email


def test_a_further_email_of_the_record_matches() -> None:
    """A record's additional addresses are e-mail keys like its first one."""
    own = lead("a", email="home@example.com")
    found = find_lead(case({"email": "work@example.com"}, [own], others=("Home@Example.com",)))
    assert found.lead is own


ROLE = "info@example.com"


def test_a_role_mailbox_alone_links_nobody() -> None:
    """Several people use info@: whether the lead is the record's is for a person to say."""
    own = lead("a", email=ROLE, first_name="Ada")
    waits = Found(candidates=(Candidate("a", (EMAIL,)),))
    assert find_lead(case({"email": ROLE.upper(), "first_name": "Eve"}, [own])) == waits
    assert find_lead(case({"email": ROLE}, [lead("a", email=ROLE)])).candidates == waits.candidates
    assert find_lead(case({"email": "b@example.com"}, [own], others=(ROLE,))) == waits
    assert find_lead(case({"email": ROLE}, [], finder=own, notes=Notes(match_lead_id="a"))) == waits


def test_a_role_mailbox_links_with_anything_else_in_common() -> None:
    """The same name, another key of the integration, or an address that names a person."""
    named = {"email": ROLE, "first_name": "Ada", "last_name": "Lovelace", "phone": NUMBER}
    own = lead("a", **named)
    by_email = replace(TARGET, match_keys=(EMAIL,))
    linked = Found(own, newly=True, by_key=True)
    name = {"email": ROLE, "first_name": "ADA", "last_name": "Lovelace"}
    phone = {"email": ROLE, "phone": NUMBER}
    assert find_lead(case(name, [own], target=by_email)) == linked
    assert find_lead(case(phone, [own])) == linked
    assert find_lead(case(phone, [own], target=by_email)).candidates == (Candidate("a", (EMAIL,)),)
    both = lead("a", email="ada@example.com")
    assert find_lead(case({"email": ROLE}, [both], others=("ada@example.com",))).lead is both
    assert find_lead(case(phone, [], finder=own, target=by_email)).candidates == (Candidate("a", (EMAIL,)),)
    assert find_lead(case(name, [], finder=own, target=replace(TARGET, match_keys=(NAME,)))) == linked
    without_email = replace(TARGET, match_keys=())
    assert find_lead(case({"email": ROLE}, [], finder=own, target=without_email)).candidates == (Candidate("a"),)


def test_what_ties_a_lead_to_its_record_also_counts_with_a_role_mailbox() -> None:
    """Its mark, an earlier connection of the account, and a person's choice link it as ever."""
    own, had = lead("a", email=ROLE), lead("b", replace(linked_to("1"), integration_id="before"), email=ROLE)
    assert find_lead(case({"email": ROLE}, [own], marked=own)) == Found(own, newly=True)
    assert find_lead(case({"email": ROLE}, [], marked=own, finder=own)) == Found(own, newly=True, by_key=True)
    assert find_lead(case({"email": ROLE}, [own, had])) == Found(had)
    moved = lead("b", linked_to("1", "before"), linked_to("2", "i", "record_gone"), email=ROLE)
    assert find_lead(case({"email": ROLE}, [own, moved])) == Found(moved, newly=True, by_key=True)
    chosen = find_lead(case({"email": ROLE}, [own], chosen=own, notes=Notes(choice="a")))
    assert chosen == Found(own, newly=True, by_key=True)


def test_different_emails_never_match_by_another_key() -> None:
    """Two with different e-mails are two persons, whatever else they have in common; one without may match."""
    other = lead("a", email="b@example.com", phone=NUMBER)
    assert find_lead(case({"email": "a@example.com", "phone": NUMBER}, [other])) == Found()
    assert find_lead(case({"phone": NUMBER}, [other])).lead is other


def test_only_the_integrations_keys_count() -> None:
    """A key that the integration does not match by is no match."""
    found = case({"phone": NUMBER}, [lead("a", phone=NUMBER)], target=replace(TARGET, match_keys=(EMAIL, NAME)))
    assert find_lead(found) == Found()


def test_a_number_without_a_country_matches_nothing_unless_a_region_is_set() -> None:
    """The integration's region is the country of numbers that name none."""
    own, values = lead("a", phone="+41446681800"), {"phone": NUMBER}
    assert find_lead(case(values, [own])).lead is own
    assert find_lead(case(values, [own], target=replace(TARGET, phone_region=""))) == Found()


def test_name_and_domain_match() -> None:
    """First name, last name and the domain of the web site, or of the e-mail where there is none."""
    own = lead("a", first_name="Ada", last_name="Lovelace", website="www.example.com")
    values = {"first_name": "ADA", "last_name": "Lovelace", "email": "ada@example.com"}
    assert find_lead(case(values, [own])).lead is own


def test_a_persons_choice_goes_before_all_matching() -> None:
    """The lead that was picked is the record's, also one that is linked elsewhere, which then moves."""
    free, taken = lead("a", email="a@example.com"), lead("b", linked_to("9"), email="a@example.com")
    values = {"email": "a@example.com"}
    picked = find_lead(case(values, [free, taken], chosen=free, notes=Notes(choice="a")))
    moved = find_lead(case(values, [free, taken], chosen=taken, notes=Notes(choice="b")))
    as_new = find_lead(case(values, [free, taken], notes=Notes(choice=CREATE_NEW)))
    assert picked == Found(free, newly=True, by_key=True)
    assert moved == Found(taken, newly=True, by_key=True, moves=True)
    assert as_new == Found(as_new=True)


def test_a_choice_of_a_lead_that_is_gone_leaves_the_question_open() -> None:
    """When the picked lead was deleted meanwhile, the record is matched as ever."""
    gone, other = replace(lead("a", email="a@example.com"), deleted_at=T0), lead("b", email="a@example.com")
    found = find_lead(case({"email": "a@example.com"}, [gone, other], chosen=gone, notes=Notes(choice="a")))
    assert found.lead is other


def test_a_record_that_has_a_lead_keeps_it_whatever_was_chosen() -> None:
    """A choice that came too late, when the record was linked otherwise, moves nothing."""
    own, chosen = lead("a", linked_to("1")), lead("b")
    assert find_lead(case({}, [], lead=own, chosen=chosen, notes=Notes(choice="b"))) == Found(own)


PEOPLE = st.builds(
    lambda name, email, phone, taken, gone: replace(
        lead(
            name, *([linked_to("9")] if taken else []), **{k: v for k, v in (("email", email), ("phone", phone)) if v}
        ),
        deleted_at=T0 if gone else None,
    ),
    st.uuids().map(str),
    st.sampled_from(["", "a@example.com", "b@example.com"]),
    st.sampled_from(["", NUMBER, "+41446681800", "1"]),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(PEOPLE, max_size=5), st.sampled_from(["", "a@example.com"]), st.sampled_from(["", NUMBER]))
def test_whoever_is_found_is_the_only_free_match(people: list[Lead], email: str, phone: str) -> None:
    """A link is made only to the one live, free lead that matches; a match that is not so always waits for a person."""
    values = {name: value for name, value in (("email", email), ("phone", phone)) if value}
    live = [one for one in people if one.deleted_at is None]
    same_email = [one for one in live if email and one.values.get("email") == email]
    same_phone = [
        one
        for one in live
        if phone
        and one.values.get("phone") in {NUMBER, "+41446681800"}
        and not (email and one.values.get("email", email) != email)
    ]
    matches = same_email or same_phone
    found = find_lead(case(values, people))
    if not matches:
        assert found == Found()
    elif len(matches) == 1 and not matches[0].links:
        assert found.lead is matches[0]
    else:
        assert {one.lead_id for one in found.candidates} == {one.lead_id for one in matches}


def test_an_etag_covers_all_that_a_person_decides_on() -> None:
    """Other candidates, other keys in common, or a lead that was linked meanwhile make another etag."""
    match = Match("i", "1", (Candidate("a", (EMAIL,)), Candidate("b")), frozenset(), T0)
    others = [
        replace(match, candidates=match.candidates[:1]),
        replace(match, candidates=(Candidate("a"), Candidate("b"))),
        replace(match, taken=frozenset({"a"})),
        replace(match, record_id="2"),
    ]
    assert len({one.etag for one in [match, *others]}) == 5
    assert replace(match, since=None).etag == match.etag
