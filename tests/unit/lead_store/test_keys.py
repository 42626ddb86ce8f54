"""The keys by which two are the same person, and the references by which they are found."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_store.domain.keys import Keys, keys_of, name_domain_key, phone_key
from lead_store.domain.references import identities, lookup_references, record_identities, references
from lead_store.domain.rules import Direction, MatchKey, Target

ALL = tuple(MatchKey)


def target(region: str = "CH", *keys: MatchKey) -> Target:
    """A target that matches by these keys, or by all."""
    return Target("i", "t", "hubspot", "1", Direction.BIDIRECTIONAL, match_keys=keys or ALL, phone_region=region)


@pytest.mark.parametrize(
    ("number", "region", "key"),
    [
        ("044 668 18 00", "CH", "+41446681800"),
        ("0041 (0)44 668-18-00", "CH", "+41446681800"),
        ("+41 44 668 18 00", "", "+41446681800"),
        ("+41 44 668 18 00 ext. 12", "US", "+41446681800;ext=12"),
        ("044 668 18 00", "", ""),  # nobody knows of which country
        ("044 668 18 00", "US", ""),
        ("12345", "CH", ""),
        ("call me", "CH", ""),
        ("", "CH", ""),
        ("1" * 300, "CH", ""),
    ],
)
def test_a_valid_phone_number_has_a_key(number: str, region: str, key: str) -> None:
    """A number is E.164 and its extension, by its own country or the integration's; what is invalid matches nothing."""
    assert phone_key(number, region) == key


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_a_number_is_found_however_it_is_written(region: str) -> None:
    """In every country, a lead's number in any notation has a reference that a record's in any other one seeks."""
    kinds = (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE)
    forms = (phonenumbers.PhoneNumberFormat.E164, phonenumbers.PhoneNumberFormat.NATIONAL)
    for number in filter(None, (phonenumbers.example_number_for_type(region, kind) for kind in kinds)):
        spelled = [phonenumbers.format_number(number, form) for form in forms]
        spelled += [f"{one} ext. 7" for one in spelled]
        for lead in spelled:
            for record in spelled:
                same = phone_key(lead, region) == phone_key(record, region) != ""
                found = references({"phone": lead}) & lookup_references({"phone": record}, target(region))
                assert same is (("ext" in lead) == ("ext" in record))
                assert found or not same


@pytest.mark.parametrize(
    ("values", "domain"),
    [
        ({"website": "https://www.shop.example.co.uk/a?b"}, "example.co.uk"),
        ({"website": "example.com", "email": "ada@gmail.com"}, "example.com"),
        ({"email": "Ada@Mail.Example.com"}, "example.com"),
        ({"website": "nonsense", "email": "ada@example.com"}, "example.com"),
        ({"website": "www.bücher.de"}, "xn--bcher-kva.de"),
        ({"website": "www.straße.de"}, "xn--strae-oqa.de"),
        ({"website": "www.ſale.de"}, ""),
        ({"website": "http://[::1"}, ""),
        ({"website": "http://192.168.1.1/"}, ""),
        ({"website": "intranet.local"}, ""),
        ({"website": "co.uk"}, ""),
        ({"website": "linkedin.com/in/ada", "email": "ada@yahoo.co.uk"}, ""),
        ({"email": "ada@gmail.com"}, ""),
        ({}, ""),
    ],
)
def test_the_domain_is_the_web_sites_else_the_emails(values: dict[str, str], domain: str) -> None:
    """The registrable domain counts; one that anybody can have an address of, or that nobody registered, does not."""
    key = name_domain_key({"first_name": " Ada  Maria", "last_name": "LOVELACE", **values})
    assert key == (f"ada maria|lovelace|{domain}" if domain else "")


@pytest.mark.parametrize("missing", ["first_name", "last_name"])
def test_a_name_without_one_of_its_parts_is_no_key(missing: str) -> None:
    """First and last name are both needed."""
    values = {"first_name": "Ada", "last_name": "Lovelace", "website": "example.com"}
    assert name_domain_key(values | {missing: " "}) == ""


def test_two_with_different_emails_share_nothing() -> None:
    """Phone and name do not count between two that both have e-mails, unless one of these is the same."""
    person = {"phone": "+41446681800", "first_name": "Ada", "last_name": "Lovelace", "website": "example.com"}
    one, other = person | {"email": "a@example.com"}, person | {"email": "b@example.com"}
    assert keys_of(one, "").shared_with(keys_of(other, ""), ALL) == ()
    assert keys_of(one, "").shared_with(keys_of(other, "", ["A@example.com"]), ALL) == ALL
    assert keys_of(one, "").shared_with(keys_of(person, ""), ALL) == (MatchKey.PHONE, MatchKey.NAME_DOMAIN)
    assert keys_of(one, "").shared_with(keys_of(person, ""), (MatchKey.EMAIL,)) == ()


@given(st.sampled_from(["", "x"]), st.sampled_from(["", "x"]), st.sampled_from(["", "x"]))
def test_an_empty_key_never_matches(email: str, phone: str, name_domain: str) -> None:
    """Two that both lack a key do not share it."""
    keys = Keys(frozenset({email} - {""}), phone, name_domain)
    assert set(keys.shared_with(keys, ALL)) == {k for k, v in zip(ALL, (email, phone, name_domain), strict=True) if v}


PEOPLE = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["a@example.com", "A@Example.com", "b@example.com", "c@gmail.com"]),
        "phone": st.sampled_from(["044 668 18 00", "+41 44 668 18 00", "+41 44 668 18 01", "1"]),
        "first_name": st.sampled_from(["Ada", "ADA "]),
        "last_name": st.just("Lovelace"),
        "website": st.sampled_from(["example.com", "https://www.example.com/", "example.org"]),
    },
)


@given(PEOPLE, PEOPLE, st.lists(st.sampled_from(["a@example.com", "B@example.com"])), st.sets(st.sampled_from(ALL)))
def test_r16_who_shares_a_key_shares_an_identity(
    lead: dict[str, str], record: dict[str, str], others: list[str], wanted: set[MatchKey]
) -> None:
    """Whatever two have in common is found by a reference, and owned by both commits that could double the person."""
    to = target("CH", *wanted) if wanted else target("CH", MatchKey.EMAIL)
    shared = keys_of(record, "CH", others).shared_with(keys_of(lead, "CH"), to.match_keys)
    owned = identities(lead, to.match_keys) & record_identities(record, others, to)
    assert owned or not shared
    if set(shared) - {MatchKey.EMAIL}:
        assert lookup_references(record, to) & references(lead)


@given(st.fixed_dictionaries(dict.fromkeys(["email", "phone", "first_name", "last_name", "website"], st.text())))
def test_whatever_a_crm_holds_has_keys_or_none(values: dict[str, str]) -> None:
    """No text makes the keys or the references fail, and two that are equal share what keys they have."""
    keys = keys_of(values, "CH")
    assert set(keys.shared_with(keys, ALL)) == {k for k, v in zip(ALL, (keys.emails, *_rest(keys)), strict=True) if v}
    assert lookup_references(values, target()) <= record_identities(values, [], target())


def _rest(keys: Keys) -> tuple[str, str]:
    return keys.phone, keys.name_domain
