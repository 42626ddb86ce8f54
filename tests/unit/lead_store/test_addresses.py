"""When two texts are one e-mail address."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lead_store.domain.addresses import address_key, address_spellings, former_keys, kept_keys
from lead_store.domain.values import FieldType, normal_form, same

LABEL = r"(xn--[a-z0-9-]{1,8}|[A-Za-zÀ-žͰ-Ͽſﬃİßẞ_-]{1,8})"
TEXT = st.text(max_size=30) | st.from_regex(rf"[A-Za-zÀ-žͰ-Ͽſﬃİßẞ.+]{{1,8}}@{LABEL}\.(com|de|ch|x)", fullmatch=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada@Example.COM", " ada@example.com "),
        ("ada@bücher.de", "ADA@XN--BCHER-KVA.DE"),
        ("ada@BU\u0308CHER.de", "ada@b\u00fccher.de"),
        ("ada@straße.de", "ada@xn--strae-oqa.de"),
        ("Jürgen@example.com", "JU\u0308RGEN@example.com"),
        ("ΑΣ@example.gr", "ασ@example.gr"),
        ("ada@example.test", "ADA@EXAMPLE.TEST"),
        ("ta..ro@docomo.ne.jp", "Ta..Ro@DoCoMo.ne.jp"),
        ("no address", "NO ADDRESS "),
    ],
)
def test_two_spellings_of_an_address_have_one_key(one: str, other: str) -> None:
    """Letter case, outer space and the domain's spelling do not count; what is no address is compared as it is."""
    assert address_key(one) == address_key(other) != ""
    assert same(FieldType.EMAIL, one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("info@strasse.example", "info@straße.example"),
        ("info@strasse.example", "info@STRAẞE.example"),
        ("strauss@example.com", "strauß@example.com"),
        ("office@example.com", "oﬃce@example.com"),
        ("info@office.example", "info@oﬃce.example"),
        ("sale@example.com", "ſale@example.com"),
        ("info@sale.example", "info@ſale.example"),
        ("ina@example.com", "İna@example.com"),
        ("info@ασ.gr", "info@ας.gr"),
        ("info@example.com", "info@ｅxample.com"),
    ],
)
def test_addresses_that_only_case_folding_joins_are_two(one: str, other: str) -> None:
    """ß is not ss, ﬃ is not ffi and ſ is not s: these are the addresses of two people."""
    assert address_key(one) != address_key(other)
    assert not same(FieldType.EMAIL, one, other)


@given(TEXT)
@example("a@xn--.de")
@example("a@xn--zz.de")
def test_a_key_is_its_own_key(text: str) -> None:
    """The key of a key is that key, and composing the letters of the text does not change it."""
    key = address_key(text)
    assert address_key(key) == key
    if "@" in text and len(text) < 100:
        assert address_key(unicodedata.normalize("NFC", text)) == key


@given(TEXT, TEXT)
def test_r10_what_matched_by_its_normal_form_still_matches(one: str, other: str) -> None:
    """Two addresses with the same normal form have the same key."""
    for twin in (one.upper(), one.lower(), f" {one}", other):
        if normal_form(FieldType.EMAIL, one) == normal_form(FieldType.EMAIL, twin):
            assert address_key(one) == address_key(twin)


@given(TEXT)
@example("ada@xn--strae-oqa.de")
@example("J\u00fcrgen@bu\u0308cher.de")
def test_all_spellings_of_an_address_have_its_key(text: str) -> None:
    """Whoever looks for an address looks for the key first, and for nothing that is not the address."""
    spellings = address_spellings(text)
    assert {address_key(one) for one in spellings} == {address_key(text)} - {""}
    assert spellings[:1] == tuple(filter(None, [address_key(text)]))


@pytest.mark.parametrize(
    ("text", "spellings"),
    [
        ("", []),
        ("Ada@Example.com", ["ada@example.com"]),
        ("ADA@xn--bcher-kva.de", ["ada@b\u00fccher.de", "ada@bu\u0308cher.de", "ada@xn--bcher-kva.de"]),
        ("Jürgen@example.com", ["j\u00fcrgen@example.com", "ju\u0308rgen@example.com"]),
        ("info@ſale.de", ["info@ſale.de"]),
    ],
)
def test_an_address_is_looked_for_in_every_spelling(text: str, spellings: list[str]) -> None:
    """The domain with its own letters and in ASCII, letters composed or not."""
    first, *others = address_spellings(text) or [""]
    assert [first, *sorted(others)] == (spellings or [""])


@given(TEXT)
def test_an_address_is_found_under_the_keys_of_earlier_versions(text: str) -> None:
    """What folded case, or only put the text in lower case, is among the keys that an address may be kept under."""
    kept = {address_key(text), text.strip().casefold()} - {""}
    assert kept <= kept_keys([text]) == former_keys(text) | ({address_key(text)} - {""})


def test_most_addresses_have_one_key_only() -> None:
    """An address in ASCII was always kept under the key that it has now."""
    assert former_keys("Ada@Example.com") == frozenset()
    assert former_keys("info@straße.example") == {"info@strasse.example"}
    assert former_keys("info@XN--BCHER-KVA.de") == {"info@xn--bcher-kva.de"}
