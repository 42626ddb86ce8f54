"""Whether a mapping fits the properties that an account has."""

import pytest
from crm_connector.domain.errors import InvalidError
from crm_connector.domain.fitting import check_fit, mapping_faults
from crm_connector.domain.mapping import CrmField, FieldMapping
from crm_connector.domain.transforms import Transform, TransformKind
from crm_connector.domain.values import ValueType
from crm_connector.providers.hubspot.defaults import DEFAULT_MAPPING, default_mapping

LOWER, DATE = Transform(TransformKind.LOWER), Transform(TransformKind.DATE)
PHONE = Transform(TransformKind.PHONE_E164, region="CH")
STATUS = CrmField(
    "hs_lead_status", type="enumeration", options=(("NEW", "New"), ("OPEN", "Open")), kind=ValueType.CHOICE
)
HIDDEN = CrmField(
    "plan", type="enumeration", options=(("a", "A"),), hidden_options=frozenset({"old"}), kind=ValueType.CHOICE
)
KNOWN = [
    *(STATUS, HIDDEN),
    CrmField("email", type="string"),
    CrmField("phone", type="phone_number"),
    CrmField("score", type="number", read_only=True, kind=ValueType.NUMBER),
    CrmField("employees", type="number", kind=ValueType.NUMBER),
    CrmField("birth", type="date", kind=ValueType.DATE),
    CrmField("seen", type="datetime", kind=ValueType.DATETIME),
    CrmField("agreed", type="bool", kind=ValueType.BOOLEAN),
    CrmField("tags", type="enumeration", kind=ValueType.MULTI_CHOICE),
    CrmField(
        "stage",
        type="enumeration",
        options=(("lead", "Lead"),),
        caveat="It goes forward only.",
        kind=ValueType.CHOICE,
    ),
]


def table(*options: tuple[str, str]) -> Transform:
    """A table of options."""
    return Transform(TransformKind.OPTIONS, options=options)


def found(
    field: str, name: str, *steps: Transform, written: bool = True, lead: ValueType = ValueType.TEXT
) -> list[tuple[str, bool]]:
    """Where a mapping of one field does not fit, and whether that is only a warning."""
    mapping = FieldMapping({field: name}, {field: steps} if steps else {}, {field: lead})
    return [(fault.path, fault.warning) for fault in mapping_faults(mapping, KNOWN, {field} if written else set())]


@pytest.mark.parametrize(
    ("field", "name", "steps"),
    [
        ("email", "email", [LOWER]),
        ("phone", "phone", [PHONE]),
        ("status", "hs_lead_status", []),
        ("status", "hs_lead_status", [table(("NEW", "new"), ("OPEN", "open"))]),
        ("status", "hs_lead_status", [table(("NEW", "new"))]),
        ("custom_fields.plan", "plan", [table(("a", "x"), ("old", "y"))]),
        ("custom_fields.agreed", "agreed", [table(("true", "yes"), ("false", "no"))]),
        ("custom_fields.born", "birth", [DATE]),
        ("custom_fields.size", "employees", []),
        ("custom_fields.when", "email", [DATE]),
    ],
)
def test_what_fits(field: str, name: str, steps: list[Transform]) -> None:
    """Steps that a property's type and options can take are no reason to complain."""
    assert found(field, name, *steps) == []


@pytest.mark.parametrize(
    ("field", "name", "steps", "path"),
    [
        ("email", "e_mail", [], "field_mapping.email"),
        ("custom_fields.score", "score", [], "field_mapping.custom_fields.score"),
        ("status", "hs_lead_status", [PHONE], "field_transforms.status[0]"),
        ("status", "hs_lead_status", [DATE], "field_transforms.status[0]"),
        ("status", "hs_lead_status", [table(("NEW", "new"), ("GONE", "gone"))], "field_transforms.status[0].options"),
        ("status", "hs_lead_status", [LOWER], "field_transforms.status"),
        ("status", "hs_lead_status", [table(("NEW", "OPEN"))], "field_transforms.status"),
        ("custom_fields.agreed", "agreed", [table(("yes", "1"))], "field_transforms.custom_fields.agreed[0].options"),
        ("custom_fields.seen", "seen", [DATE], "field_transforms.custom_fields.seen[0]"),
    ],
)
def test_what_cannot_work_is_an_error(field: str, name: str, steps: list[Transform], path: str) -> None:
    """An unknown or calculated property, a step that the type has no use for, an option that is not there or lost."""
    assert (path, False) in found(field, name, *steps)


@pytest.mark.parametrize(
    ("field", "name"),
    [("custom_fields.born", "birth"), ("custom_fields.seen", "seen"), ("phone", "employees"), ("status", "stage")],
)
def test_what_works_for_some_values_is_a_warning(field: str, name: str) -> None:
    """A property that takes only dates, times or numbers, or moves only one way, is pointed out."""
    assert found(field, name) == [(f"field_mapping.{field}", True)]


@pytest.mark.parametrize(
    ("field", "name", "steps"),
    [
        ("custom_fields.score", "score", []),
        ("custom_fields.seen", "seen", [DATE]),
        ("status", "hs_lead_status", [LOWER]),
        ("status", "stage", []),
        ("phone", "employees", []),
    ],
)
def test_what_is_never_written_may_be_read(field: str, name: str, steps: list[Transform]) -> None:
    """A field that flows from the CRM only needs no way back."""
    assert found(field, name, *steps, written=False) == []


FIELD = "custom_fields.x"


@pytest.mark.parametrize(
    ("lead", "name"),
    [
        (ValueType.NUMBER, "birth"),
        (ValueType.NUMBER, "agreed"),
        (ValueType.BOOLEAN, "employees"),
        (ValueType.DATE, "employees"),
        (ValueType.MULTI_CHOICE, "birth"),
        (ValueType.NUMBER, "tags"),
        (ValueType.DATE, "seen"),
        (ValueType.DATETIME, "birth"),
    ],
)
def test_a_pair_of_types_that_never_fits_is_an_error(lead: ValueType, name: str) -> None:
    """No value of one is a value of the other, or the way there and back would lose the hour."""
    assert found(FIELD, name, lead=lead) == [(f"field_mapping.{FIELD}", False)]


@pytest.mark.parametrize(
    ("lead", "name"),
    [
        *((ValueType.NUMBER, "employees"), (ValueType.BOOLEAN, "agreed"), (ValueType.DATE, "birth")),
        *((ValueType.DATETIME, "seen"), (ValueType.CHOICE, "plan"), (ValueType.MULTI_CHOICE, "tags")),
        *((ValueType.NUMBER, "email"), (ValueType.DATE, "email"), (ValueType.PHONE, "phone")),
        *((ValueType.CHOICE, "tags"), (ValueType.TEXT, "tags"), (ValueType.BOOLEAN, "hs_lead_status")),
    ],
)
def test_a_pair_of_types_that_fits(lead: ValueType, name: str) -> None:
    """The same type, or one that may be any text."""
    assert found(FIELD, name, lead=lead) == []


def test_one_choice_takes_one_of_several() -> None:
    """A lead with several choices cannot write them to a property that takes one."""
    assert found(FIELD, "plan", lead=ValueType.MULTI_CHOICE) == [(f"field_mapping.{FIELD}", True)]


def test_a_table_makes_any_pair_fit() -> None:
    """A number that stands for yes or no is what the table says."""
    assert found(FIELD, "employees", table(("1", "true"), ("0", "false")), lead=ValueType.BOOLEAN) == []


def test_a_time_may_be_read_as_a_day() -> None:
    """Only on the way back the hour would be lost."""
    assert found(FIELD, "seen", written=False, lead=ValueType.DATE) == []


def test_the_reason_names_both_types() -> None:
    """A person reads what does not fit, and what to do."""
    mapping = FieldMapping({FIELD: "birth"}, types={FIELD: ValueType.NUMBER})

    with pytest.raises(InvalidError, match="is of type number and `birth` of type date: no value") as caught:
        check_fit(mapping, KNOWN, {FIELD})

    assert (caught.value.reason, caught.value.field) == ("invalid_field_mapping", f"field_mapping.{FIELD}")


def test_all_faults_are_reported_together() -> None:
    """The first fault gives the reason, and every field that cannot work is named with what to do."""
    mapping = FieldMapping({"email": "e_mail", "phone": "hs_lead_status"}, {"phone": (PHONE,)})

    with pytest.raises(InvalidError, match="Create it there or map another one") as caught:
        check_fit(mapping, KNOWN, {"email", "phone"})

    assert (caught.value.reason, caught.value.field) == ("invalid_field_mapping", "field_mapping.email")
    assert [path for path, _ in caught.value.more] == ["field_transforms.phone[0]"]


def test_the_default_mapping_fits_every_account() -> None:
    """Whatever options an account has, and whichever standard properties, what is mapped by default can work."""
    texts = [CrmField(name, type="string") for name in DEFAULT_MAPPING.values() if name != "hs_lead_status"]
    for options in (("NEW", "OPEN_DEAL"), ("NEW", "new"), ("Hot", "Cold"), ()):
        known = [*texts, CrmField("hs_lead_status", kind=ValueType.CHOICE, options=tuple((o, o) for o in options))]
        default = default_mapping(known)
        assert default.properties == DEFAULT_MAPPING
        assert mapping_faults(default, known, set(DEFAULT_MAPPING)) == []
    default = default_mapping([*texts, CrmField("hs_lead_status", options=(("OPEN_DEAL", ""), ("OLD", "")))])
    assert default.to_crm({"status": "open_deal"}) == {"hs_lead_status": "OPEN_DEAL"}
    assert default_mapping(texts[1:]).properties.keys() == DEFAULT_MAPPING.keys() - {"email", "status"}
