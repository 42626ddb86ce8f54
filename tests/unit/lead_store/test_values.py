"""The types of lead fields: canonical forms, equality, and what is refused."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hostile import SIZE, hostile_texts, is_slow
from hypothesis import assume, given
from hypothesis import strategies as st
from lead_store.domain.values import (
    LONGEST_NUMBER,
    MOST_CHOICES,
    FieldType,
    NotOfType,
    canonical,
    normal_form,
    same,
)

TEXT, EMAIL, PHONE, URL = FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.URL
NUMBER, BOOLEAN, DATE, DATETIME = FieldType.NUMBER, FieldType.BOOLEAN, FieldType.DATE, FieldType.DATETIME
CHOICE, MULTI_CHOICE = FieldType.CHOICE, FieldType.MULTI_CHOICE
STRICT = [kind for kind in FieldType if kind not in {TEXT, EMAIL, PHONE, URL}]  # those with one form per value
DAY_IN_MILLISECONDS = 86_400_000
DETAILS = {
    NUMBER: {
        ("not_a_number", "is no number; write it like 12.5"),
        ("number_too_long", "is longer than 400 characters without its exponent"),
    },
    BOOLEAN: {("not_a_boolean", "is neither true nor false")},
    DATE: {("not_a_date", "is no day; write it like 2026-11-29")},
    DATETIME: {("not_a_datetime", "is no time with an offset; write it like 2026-11-29T15:04:05Z")},
}
CENTRAL = timezone(timedelta(hours=1))

KINDS = st.sampled_from(FieldType)
MOMENTS = st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 1 < moment.year < 9999)
SPELLINGS = st.one_of(
    st.text(max_size=20),
    st.text("0123456789+-.eE", max_size=12),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.sampled_from(["true", "TRUE", " False ", "yes", "1", "0", "-0", "00", ";", " ", "b;a", "a; b;a", ";a"]),
    st.dates().map(str),
    MOMENTS.map(datetime.isoformat),
    st.integers(-(10**13), 10**13).map(str),
    st.from_regex(r"(https?://)?[A-Za-z]{1,3}(\.[A-Za-z]{1,3})?/?(\?[ab])?", fullmatch=True),
    st.from_regex(r"\+?[0-9 ()-]{1,8}", fullmatch=True),
)


def of_type(kind: FieldType, text: str) -> bool:
    """Whether a text is of a type."""
    try:
        canonical(kind, text)
    except NotOfType:
        return False
    return True


def reason(kind: FieldType, text: str, *options: str) -> str:
    """Why a text is not of a type."""
    with pytest.raises(NotOfType) as refused:
        canonical(kind, text, options)
    return refused.value.reason


@pytest.mark.parametrize(
    ("kind", "crm", "expected"),
    [
        # hubspot.md 4.1: every value is a string; times are ISO in UTC with milliseconds, or milliseconds since 1970
        (NUMBER, "1800", "1800"),
        (NUMBER, "1800.00", "1800"),
        (BOOLEAN, "true", "true"),
        (BOOLEAN, "True", "true"),  # hubspot.md 4.2: the official client writes booleans so
        (DATE, "2000-02-29", "2000-02-29"),
        (DATE, "951782400000", "2000-02-29"),
        (DATETIME, "2022-06-01T14:31:48.469Z", "2022-06-01T14:31:48.469Z"),
        (DATETIME, "1654093908469", "2022-06-01T14:31:48.469Z"),
        (MULTI_CHOICE, "red;green", "green;red"),
        (MULTI_CHOICE, ";red", "red"),
        (URL, "HTTP://Acme.example/", "HTTP://Acme.example/"),
        (PHONE, "+41 44 668 18 00", "+41 44 668 18 00"),
        # salesforce.md 3: JSON numbers and booleans, `+0000` without a colon, `a;b` in the order of the definition
        (NUMBER, "1.8e3", "1800"),
        (NUMBER, "12.50", "12.5"),
        (BOOLEAN, "false", "false"),
        (DATE, "2026-11-10", "2026-11-10"),
        (DATETIME, "2026-11-10T12:00:00.000+0000", "2026-11-10T12:00:00.000Z"),
        (MULTI_CHOICE, "b;a", "a;b"),
        (EMAIL, "Ann@Acme.example", "Ann@Acme.example"),
        (EMAIL, " Ann@Acme.example ", "Ann@Acme.example"),
        # zoho.md 3: times with the user's offset and whole seconds; bigint as text; arrays come joined
        (NUMBER, "999999999999999999", "999999999999999999"),
        (NUMBER, "99.0", "99"),
        (DATETIME, "2026-11-10T12:00:00+01:00", "2026-11-10T11:00:00.000Z"),
        (DATE, "2026-11-10T00:30:00+01:00", "2026-11-09"),
        (CHOICE, "-None-", "-None-"),
        (CHOICE, " Hot ", "Hot"),
        (TEXT, " as typed ", " as typed "),
    ],
)
def test_the_spellings_of_the_crms_are_read(kind: FieldType, crm: str, expected: str) -> None:
    """What HubSpot, Salesforce and Zoho spell becomes the canonical form; texts keep their spelling."""
    assert canonical(kind, crm) == expected


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (NUMBER, "-0.00", "0"),
        (NUMBER, "+.5", "0.5"),
        (NUMBER, "5.", "5"),
        (NUMBER, "1200e-2", "12"),
        (NUMBER, "0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),  # no float in between
        (NUMBER, "1e308", "1" + "0" * 308),
        (DATE, "-86400000", "1969-12-31"),
        (DATE, "0001-01-01", "0001-01-01"),
        (DATETIME, "2026-11-29", "2026-11-29T00:00:00.000Z"),
        (DATETIME, "2026-11-29T15:04:05Z", "2026-11-29T15:04:05.000Z"),
        (DATETIME, "2026-11-29T15:04:05.9999999Z", "2026-11-29T15:04:05.999Z"),
        (DATETIME, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        (MULTI_CHOICE, "b ; a;;b", "a;b"),
        (MULTI_CHOICE, ";", ""),
        (NUMBER, "  ", ""),
    ],
)
def test_the_canonical_form(kind: FieldType, text: str, expected: str) -> None:
    """A value of each type is written in one way; a blank is an empty text."""
    assert canonical(kind, text) == expected


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (NUMBER, "many", "not_a_number"),
        (NUMBER, "1,800", "not_a_number"),  # 1.8 in some countries
        (NUMBER, "NaN", "not_a_number"),
        (NUMBER, "Infinity", "not_a_number"),
        (NUMBER, "1_000", "not_a_number"),
        (NUMBER, "١٢", "not_a_number"),
        (NUMBER, ".", "not_a_number"),
        (NUMBER, "1e99999", "not_a_number"),
        (NUMBER, "1e400", "number_too_long"),
        (NUMBER, "9" * (LONGEST_NUMBER + 1), "number_too_long"),
        (BOOLEAN, "yes", "not_a_boolean"),
        (BOOLEAN, "1", "not_a_boolean"),
        (BOOLEAN, "falsehood", "not_a_boolean"),
        (DATE, "2026-02-29", "not_a_date"),
        (DATE, "29.11.2026", "not_a_date"),
        (DATE, "951782400001", "not_a_date"),
        (DATE, "20261129", "not_a_date"),
        (DATE, "999999999999999", "not_a_date"),
        (DATETIME, "2026-11-29T15:04:05", "not_a_datetime"),  # of which country?
        (DATETIME, "2026-11-29T25:00:00Z", "not_a_datetime"),
        (DATETIME, "0001-01-01T00:00:00+14:00", "not_a_datetime"),
        (DATETIME, "tomorrow", "not_a_datetime"),
        (MULTI_CHOICE, "x;" * (MOST_CHOICES + 1), "too_many_choices"),
    ],
)
def test_what_is_not_of_a_type_has_a_stable_reason(kind: FieldType, text: str, expected: str) -> None:
    """A refusal names its reason."""
    assert reason(kind, text) == expected


@given(st.sampled_from(list(DETAILS)), SPELLINGS)
def test_r17_a_refusal_never_holds_the_value(kind: FieldType, text: str) -> None:
    """Reason and detail are those of the type, whatever the text was."""
    assume(not of_type(kind, text))
    with pytest.raises(NotOfType) as refused:
        canonical(kind, text)
    assert (refused.value.reason, refused.value.detail) in DETAILS[kind]


def test_a_choice_is_one_of_the_options() -> None:
    """With options, each choice has to be one of them, letter for letter; without, anything goes."""
    assert canonical(CHOICE, "hot", ["hot", "cold"]) == "hot"
    assert canonical(MULTI_CHOICE, "hot;cold", ["hot", "cold"]) == "cold;hot"
    assert [canonical(kind, "", ["hot"]) for kind in (CHOICE, MULTI_CHOICE)] == ["", ""]
    assert canonical(MULTI_CHOICE, "any;thing") == "any;thing"
    assert reason(CHOICE, "Hot", "hot", "cold") == "not_an_option"
    assert reason(CHOICE, "hot;cold", "hot", "cold") == "not_an_option"
    assert reason(MULTI_CHOICE, "hot;warm", "hot", "cold") == "not_an_option"


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (TEXT, " Ann ", "Ann"),
        (EMAIL, "Ann@Example.org ", "ann@example.ORG"),
        (PHONE, "+41 44 668 18 00", "0041 (44) 668-18-00"),
        (PHONE, "044/668.18.00", "0446681800"),
        (URL, "HTTPS://Example.org", "https://example.org/"),
        (URL, "https://example.org/?q=1", "https://EXAMPLE.org?q=1"),
        (URL, "Example.org/", "example.org"),
        (NUMBER, "1800", "1.8e3"),
        (NUMBER, "1800.00", " 1800"),
        (BOOLEAN, "TRUE", "true"),
        (DATE, "2000-02-29", "951782400000"),
        (DATE, "2000-02-29", "2000-02-29T23:59:59Z"),
        (DATETIME, "2026-11-10T12:00:00+01:00", "2026-11-10T11:00:00.000+0000"),
        (DATETIME, "2026-11-10", "1794268800000"),
        (MULTI_CHOICE, "a;b", "b; a"),
        (NUMBER, " unknown ", "unknown"),
    ],
)
def test_r10_two_spellings_of_one_value_are_the_same(kind: FieldType, one: str, other: str) -> None:
    """Equality goes by the type."""
    assert same(kind, one, other)
    assert same(kind, other, one)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (TEXT, "Ann", "ann"),
        (TEXT, "1800", "1800.00"),
        (EMAIL, "strasse@example.org", "straße@example.org"),
        (PHONE, "123 ext. 4", "1234"),
        (PHONE, "+41446681800", "0446681800"),
        (URL, "https://example.org/A", "https://example.org/a"),
        (URL, "https://example.org/a", "https://example.org/a/"),
        (URL, "https://Ann@example.org", "https://ann@example.org"),
        (URL, "http://example.org", "https://example.org"),
        (URL, "Our Page", "our page"),
        (NUMBER, "1800", "1800.01"),
        (NUMBER, "0.1", "0.1000000000000000055511151231257827"),
        (NUMBER, "x1", "X1"),
        (NUMBER, "", "0"),
        (BOOLEAN, "", "false"),
        (DATETIME, "2026-11-10T12:00:00+01:00", "2026-11-10T12:00:00Z"),
        (CHOICE, "hot", "Hot"),
        (MULTI_CHOICE, "a;b", "a"),
    ],
)
def test_r10_two_values_are_not_the_same(kind: FieldType, one: str, other: str) -> None:
    """What people would call two values stays two."""
    assert not same(kind, one, other)


@given(KINDS, SPELLINGS)
def test_the_canonical_form_of_a_canonical_form_is_itself(kind: FieldType, text: str) -> None:
    """Reading twice changes nothing, and what is read is the same value."""
    assume(of_type(kind, text))
    value = canonical(kind, text)
    assert canonical(kind, value) == value
    assert same(kind, text, value)


@given(KINDS, SPELLINGS, SPELLINGS, SPELLINGS)
def test_r10_same_is_an_equivalence(kind: FieldType, one: str, two: str, three: str) -> None:
    """Each text is the same as itself, order does not matter, and two that equal a third are equal."""
    assert same(kind, one, one)
    assert same(kind, one, f" {one}\n")
    assert same(kind, one, two) == same(kind, two, one)
    for middle in (two, one.strip(), one.lower(), normal_form(kind, one)):
        if same(kind, one, middle) and same(kind, middle, three):
            assert same(kind, one, three)


@given(st.sampled_from(STRICT), SPELLINGS, SPELLINGS)
def test_r10_same_means_one_canonical_form(kind: FieldType, one: str, two: str) -> None:
    """Two values of a type are the same if and only if their forms are; a text that is not of it equals no value."""
    if of_type(kind, one) and of_type(kind, two):
        assert same(kind, one, two) == (canonical(kind, one) == canonical(kind, two))
    elif of_type(kind, one) or of_type(kind, two):
        assert not same(kind, one, two)
    else:
        assert same(kind, one, two) == (one.strip() == two.strip())


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("0044 20 7946 0958", "+442079460958"),
        ("+44 (20) 7946-0958", "+442079460958"),
        ("020/79.46", "0207946"),
        ("123 ext. 4", "123 ext. 4"),
        ("()", "()"),
        ("+0044 20", "+4420"),
        ("0000 44 20", "+4420"),  # else its normal form had another normal form
        ("00", "00"),
    ],
)
def test_r10_a_phone_number_is_compared_by_its_digits(text: str, digits: str) -> None:
    """A number with words in it is left alone: it is not the number of its digits."""
    assert normal_form(PHONE, text) == digits


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6) | st.decimals(-(10**30), 10**30))
def test_a_number_survives(number: Decimal) -> None:
    """However a number is spelled, its canonical form is that number, without an exponent."""
    value = canonical(NUMBER, str(number))
    assert Decimal(value) == number
    assert "e" not in value.lower()
    assert canonical(NUMBER, f"{number:e}") == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_is_a_number(number: float) -> None:
    """A JSON number of any size is of the type, and reads back as the same double."""
    assert float(canonical(NUMBER, repr(number))) == number


@given(st.dates())
def test_a_day_survives(day: date) -> None:
    """A day, its midnight in milliseconds and a time on it in UTC are one date."""
    days = (day - date(1970, 1, 1)).days
    spellings = [day.isoformat(), str(days * DAY_IN_MILLISECONDS), f"{day}T23:59:59Z"]
    assert {canonical(DATE, spelling) for spelling in spellings} == {day.isoformat()}


@given(MOMENTS)
def test_a_time_survives(moment: datetime) -> None:
    """A time with any offset, or in milliseconds, is the same instant, cut to milliseconds."""
    cut = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    milliseconds = (cut - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    spellings = [moment.isoformat(), moment.astimezone(CENTRAL).isoformat(), f"{moment:%z}", str(milliseconds)]
    spellings[2] = moment.isoformat().replace("+00:00", spellings[2])  # `+0000`
    (value,) = {canonical(DATETIME, spelling) for spelling in spellings}
    assert datetime.fromisoformat(value) == cut
    assert value.endswith("Z")


@given(st.lists(st.text("abc d", min_size=1, max_size=3).filter(str.strip)))
def test_choices_survive(choices: list[str]) -> None:
    """The choices are a set: neither order nor repetition counts."""
    value = canonical(MULTI_CHOICE, ";".join(choices))
    assert set(filter(None, value.split(";"))) == {choice.strip() for choice in choices}
    assert value == canonical(MULTI_CHOICE, ";".join(reversed(choices)))


HOSTILE = {
    **{repr(text[:12]): text for text in hostile_texts(("",))},
    "phone": ("+" + " 1" * SIZE)[: SIZE - 1] + "x",
    "exponent": ("1e" + "9" * SIZE)[:SIZE],
    "long choices": ";".join(f"{number:0{SIZE // MOST_CHOICES - 1}}" for number in range(MOST_CHOICES)),
    "scheme": "a" * (SIZE - 3) + "://",
    "slashes": "http://" + "/" * SIZE,
    "at": "http://" + "@" * SIZE,
    "time": "2026-11-29T15:04:05." + "0" * SIZE + "Z",
}


@pytest.mark.parametrize("kind", FieldType)
def test_no_text_makes_a_value_slow(kind: FieldType) -> None:
    """64 KiB of anything cost a value of any type a few plain loops over them."""
    slow = [
        name
        for name, text in HOSTILE.items()
        if is_slow(lambda: [of_type(kind, text), same(kind, text, "x")])  # noqa: B023 - called at once
    ]
    assert slow == []
