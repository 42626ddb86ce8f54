"""The steps between the CRM's spelling of a value and the platform's."""

import pytest
from crm_connector.domain import mapping
from crm_connector.domain.errors import InvalidError
from crm_connector.domain.mapping import FieldMapping, Limits
from crm_connector.domain.transforms import Transform, TransformKind, check_steps, to_crm, to_platform
from hypothesis import assume, given
from hypothesis import strategies as st

LIMITS = Limits(property_name=100, option=3_000)
TRIM, LOWER, UPPER = (Transform(kind) for kind in (TransformKind.TRIM, TransformKind.LOWER, TransformKind.UPPER))
DATE, PHONE = Transform(TransformKind.DATE), Transform(TransformKind.PHONE_E164, region="CH")


def table(**options: str) -> Transform:
    """A table of options: the CRM's, and the platform's word."""
    return Transform(TransformKind.OPTIONS, options=tuple(options.items()))


@pytest.mark.parametrize(
    ("step", "crm", "value"),
    [
        (TRIM, "  Ann   Lee ", "Ann Lee"),
        (LOWER, "Ann@X.org", "ann@x.org"),
        (UPPER, "ch", "CH"),
        (PHONE, "044 668 18 00", "+41446681800"),
        (PHONE, "0041 44/668-18-00", "+41446681800"),
        (PHONE, "+1 (650) 253-0000", "+16502530000"),
        (PHONE, "044 668 18 00 ext. 4", "044 668 18 00 ext. 4"),
        (PHONE, "ask Ann 044 668 18 00", "ask Ann 044 668 18 00"),
        (PHONE, "12", "12"),
        (Transform(TransformKind.PHONE_E164), "044 668 18 00", "044 668 18 00"),
        (table(NEW="new", OPEN_DEAL="open"), "OPEN_DEAL", "open"),
        (table(NEW="new"), "CONNECTED", "CONNECTED"),
        (table(a="x", b="y"), "b;c;a", "y;c;x"),
        (table(true="yes", false="no"), "false", "no"),
        (DATE, "2026-11-03", "2026-11-03"),
        (DATE, "2026-11-03T23:59:59.999Z", "2026-11-03"),
        (DATE, "1793664000000", "2026-11-03"),
        (DATE, "-86400000", "1969-12-31"),
        (DATE, "1793664000001", "1793664000001"),
        (DATE, "2026-02-30", "2026-02-30"),
        (DATE, "3.11.2026", "3.11.2026"),
        (DATE, "999999999999999", "999999999999999"),
    ],
)
def test_one_step(step: Transform, crm: str, value: str) -> None:
    """A step turns what it can read, and leaves the rest as it is; what it made is the same read once more."""
    assert to_platform([step], crm) == value
    assert to_platform([step], to_crm([step], value)) == value


def test_steps_go_back_in_reverse() -> None:
    """On the way to the CRM the last step comes first, and a table is read backwards."""
    steps = [TRIM, LOWER, table(new="fresh")]
    assert to_platform(steps, " NEW ") == "fresh"
    assert to_crm(steps, "fresh") == "new"
    assert to_crm(steps, " Old ") == "old"


words = st.text("aAbB ;1", min_size=1, max_size=3).filter(lambda word: word.strip() and ";" not in word)
tables = st.dictionaries(words, words, min_size=1, max_size=4).map(
    lambda pairs: Transform(TransformKind.OPTIONS, options=tuple(pairs.items()))
)
chains = st.tuples(
    st.lists(st.sampled_from([TRIM, LOWER, UPPER, PHONE, DATE]), max_size=3), st.lists(tables, max_size=1)
).map(lambda parts: [*parts[0], *parts[1]])
values = st.text() | st.text("aAbB ;1", max_size=5) | st.from_regex(r"\A[+0-9 ()./-]{0,16}\Z") | st.dates().map(str)


@given(chains, values)
def test_there_and_back_and_there_again_is_there(steps: list[Transform], crm: str) -> None:
    """L3, L4: a value that came from the CRM and is written back reads the same, whatever steps were accepted."""
    assume(_accepted(steps))
    value = to_platform(steps, crm)
    assert to_platform(steps, to_crm(steps, value)) == value


@given(chains, values)
def test_what_a_person_typed_becomes_stable(steps: list[Transform], typed: str) -> None:
    """L1: from its first reading on, a value that the platform wrote is the same on every further way round."""
    assume(_accepted(steps))
    read = to_platform(steps, to_crm(steps, typed))
    assert to_platform(steps, to_crm(steps, read)) == read


@given(chains, values)
def test_nothing_becomes_blank_on_the_way(steps: list[Transform], crm: str) -> None:
    """A blank stays a blank, and only what holds nothing but space becomes one."""
    assume(_accepted(steps))
    assert (to_platform(steps, crm).strip() == "") is (crm.strip() == "")
    assert (to_crm(steps, crm).strip() == "") is (crm.strip() == "")


def _accepted(steps: list[Transform]) -> bool:
    try:
        check_steps("p", steps, LIMITS.option)
    except InvalidError:
        return False
    return True


@pytest.mark.parametrize(
    ("steps", "path"),
    [
        ((), "field_transforms.email"),
        ((TRIM,) * 6, "field_transforms.email"),
        ((Transform(TransformKind.PHONE_E164, region="XX"),), "field_transforms.email[0].region"),
        ((TRIM, Transform(TransformKind.LOWER, region="CH")), "field_transforms.email[1].region"),
        ((Transform(TransformKind.OPTIONS),), "field_transforms.email[0].options"),
        ((Transform(TransformKind.TRIM, options=(("a", "b"),)),), "field_transforms.email[0].options"),
        ((table(a="x", b="x"),), "field_transforms.email[0].options"),
        ((Transform(TransformKind.OPTIONS, options=(("a", "x"), ("a", "y"))),), "field_transforms.email[0].options"),
        ((table(a=" "),), "field_transforms.email[0].options"),
        ((table(a="x" * 3_001),), "field_transforms.email[0].options"),
        ((table(a="x;y"),), "field_transforms.email[0].options"),
        ((LOWER, table(NEW="new")), "field_transforms.email[1].options"),
        ((table(a="x"), LOWER), "field_transforms.email[0]"),
        ((Transform(TransformKind.OPTIONS, options=tuple((str(n), str(n)) for n in range(1001))),), "email[0].options"),
    ],
)
def test_steps_without_a_way_back_are_refused(steps: tuple[Transform, ...], path: str) -> None:
    """What cannot work names the step and what is wrong with it."""
    with pytest.raises(InvalidError) as caught:
        mapping.check_transforms({"email": steps}, FieldMapping({"email": "email"}), LIMITS)

    assert caught.value.reason == "invalid_field_transforms"
    assert caught.value.field.endswith(path)


def test_all_tables_together_are_bounded() -> None:
    """The settings of an integration have to fit into a message and a document."""
    options = tuple((f"{number}{'x' * 600}", f"{number}") for number in range(1_000))
    steps = {field: (Transform(TransformKind.OPTIONS, options=options),) for field in ("email", "phone")}

    with pytest.raises(InvalidError, match="together") as caught:
        mapping.check_transforms(steps, FieldMapping({"email": "email", "phone": "phone"}), LIMITS)

    assert caught.value.field == "field_transforms"


def test_steps_need_a_mapped_field() -> None:
    """Steps of a field that is not mapped are a mistake."""
    with pytest.raises(InvalidError, match="not mapped") as caught:
        mapping.check_transforms({"custom_fields.plan": (TRIM,)}, FieldMapping({"email": "email"}), LIMITS)

    assert caught.value.field == "field_transforms.custom_fields.plan"
