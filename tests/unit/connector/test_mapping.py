"""The field mapping, and values in both spellings."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from crm_connector.domain import mapping
from crm_connector.domain.errors import InvalidError
from crm_connector.domain.mapping import CrmField, FieldMapping
from crm_connector.domain.observation import Version
from crm_connector.domain.transforms import Transform, TransformKind
from crm_connector.domain.values import ValueType
from crm_connector.providers.hubspot.defaults import DEFAULT_MAPPING, LIMITS
from hypothesis import given
from hypothesis import strategies as st


def test_the_default_mapping_is_valid() -> None:
    """A new integration that names no mapping gets one that works."""
    assert dict(mapping.check(DEFAULT_MAPPING, LIMITS).properties) == DEFAULT_MAPPING


@pytest.mark.parametrize(
    ("given_mapping", "path"),
    [
        ({}, "field_mapping"),
        ({"nickname": "nickname"}, "field_mapping.nickname"),
        ({"custom_fields.": "x"}, "field_mapping.custom_fields."),
        ({"custom_fields.a b": "x"}, "field_mapping.custom_fields.a b"),
        ({"email": ""}, "field_mapping.email"),
        ({"email": "x" * 101}, "field_mapping.email"),
        ({"company": "name", "job_title": "name"}, "field_mapping.job_title"),
    ],
)
def test_a_mapping_that_cannot_work_names_its_field(given_mapping: dict[str, str], path: str) -> None:
    """Unknown fields, nameless properties and two fields onto one property are refused with the field's path."""
    with pytest.raises(InvalidError) as caught:
        mapping.check(given_mapping, LIMITS)

    assert ("invalid_field_mapping", path) == (caught.value.reason, caught.value.field)


def test_custom_fields_can_be_mapped() -> None:
    """A custom field is a lead field like any other."""
    checked = mapping.check({"custom_fields.budget_2026": "budget"}, LIMITS)

    assert checked.to_crm({"custom_fields.budget_2026": "100", "email": "not mapped"}) == {"budget": "100"}


def test_a_null_is_blank_and_a_missing_property_unknown() -> None:
    """R19: only a property that was answered makes a reading."""
    readings = FieldMapping({"email": "email", "phone": "phone"}).readings({"email": None})

    assert [(reading.field, reading.crm, reading.value) for reading in readings] == [("email", "", "")]


STEPS = {"status": (Transform(TransformKind.OPTIONS, options=(("NEW", "new"), ("OPEN", "open"))),)}
STATUS = FieldMapping({"email": "email", "status": "hs_lead_status"}, STEPS)


def test_values_take_their_steps_both_ways() -> None:
    """A reading holds both spellings, also of what its history holds; a write has the CRM's."""
    version = Version("NEW", "NEW", datetime.now(UTC), ours=False, source="CRM_UI")

    email, status = STATUS.readings({"email": "A@x.org", "hs_lead_status": "OPEN"}, {"hs_lead_status": (version,)})

    assert (email.crm, email.value) == ("A@x.org", "A@x.org")
    assert (status.crm, status.value, status.versions) == ("OPEN", "open", (replace(version, value="new"),))
    assert STATUS.to_crm({"email": "A@x.org", "status": "new"}) == {"email": "A@x.org", "hs_lead_status": "NEW"}


def test_r19_the_fingerprint_is_of_the_steps_too() -> None:
    """Under other steps there is no base; without any, the fingerprint is that of the mapping as it always was."""
    plain = FieldMapping(STATUS.properties)
    other = FieldMapping(STATUS.properties, {"status": (Transform(TransformKind.LOWER),)})

    assert len({plain.fingerprint, STATUS.fingerprint, other.fingerprint}) == 3
    assert FieldMapping({"email": "email"}).fingerprint.startswith("307f805c")


@given(st.dictionaries(st.sampled_from(mapping.LEAD_FIELDS), st.text("abc_", min_size=1, max_size=5)))
def test_the_fingerprint_is_of_the_mapping_alone(mapped: dict[str, str]) -> None:
    """Two mappings have the same fingerprint exactly if they map the same."""
    backwards = dict(reversed(mapped.items()))

    assert FieldMapping(mapped).fingerprint == FieldMapping(backwards).fingerprint
    assert FieldMapping(mapped).fingerprint != FieldMapping(mapped | {"custom_fields.z": "z"}).fingerprint


TYPED = FieldMapping(
    {"custom_fields.budget": "amount", "custom_fields.start": "closedate", "custom_fields.tags": "tags"},
    types={
        "custom_fields.budget": ValueType.NUMBER,
        "custom_fields.start": ValueType.DATE,
        "custom_fields.tags": ValueType.MULTI_CHOICE,
    },
    kinds={
        "custom_fields.budget": ValueType.NUMBER,
        "custom_fields.start": ValueType.DATE,
        "custom_fields.tags": ValueType.MULTI_CHOICE,
    },
)


def test_readings_are_canonical_and_keep_the_crms_spelling() -> None:
    """Values of typed fields read the same however the CRM writes them; versions too."""
    version = Version("7.50", "", datetime.now(UTC), ours=False, source="x")
    found = {"amount": "12.50", "closedate": "2026-11-29T23:30:00+02:00", "tags": "b;a;b"}

    budget, start, tags = TYPED.readings(found, {"amount": (version,)})

    assert (budget.crm, budget.value, budget.versions[0].value) == ("12.50", "12.5", "7.5")
    assert (start.value, tags.value) == ("2026-11-29", "a;b")


def test_what_cannot_be_converted_is_passed_as_it_is() -> None:
    """lead-store shows it as unreadable, and the CRM refuses it; nobody blanks it."""
    (budget,) = TYPED.readings({"amount": "a lot"})

    assert (budget.crm, budget.value) == ("a lot", "a lot")
    assert TYPED.to_crm({"custom_fields.budget": "a lot"}) == {"amount": "a lot"}


def test_steps_come_after_the_kind_of_the_property() -> None:
    """A table of options maps the property's canonical text to the lead's word, and back."""
    steps = {"custom_fields.vip": (Transform(TransformKind.OPTIONS, options=(("1", "true"), ("0", "false"))),)}
    vip = FieldMapping(
        {"custom_fields.vip": "level"},
        steps,
        {"custom_fields.vip": ValueType.BOOLEAN},
        {"custom_fields.vip": ValueType.NUMBER},
    )

    (reading,) = vip.readings({"level": "1.0"})

    assert reading.value == "true"
    assert vip.to_crm({"custom_fields.vip": "false"}) == {"level": "0"}


def test_the_types_of_lead_fields_change_no_value_on_the_way() -> None:
    """The types that we know may be out of date: under those of before, a text `007` would become the number 7."""
    before = FieldMapping({"custom_fields.code": "code"}, types={"custom_fields.code": ValueType.NUMBER})

    (reading,) = before.readings({"code": "007"})

    assert reading.value == "007"
    assert before.to_crm({"custom_fields.code": "008"}) == {"code": "008"}


def test_r19_the_fingerprint_is_of_the_kinds_too() -> None:
    """Properties of other kinds read otherwise. Types of lead fields are no part of it: lead-store adds them."""
    plain = FieldMapping(TYPED.properties)
    texts = FieldMapping({"email": "email"}, types={"email": ValueType.EMAIL}, kinds={"email": ValueType.TEXT})

    assert plain.fingerprint != TYPED.fingerprint
    assert FieldMapping(TYPED.properties, types=TYPED.types).fingerprint == plain.fingerprint
    assert texts.fingerprint == FieldMapping({"email": "email"}).fingerprint


def test_the_kinds_of_mapped_properties_are_found() -> None:
    """A property that is not known has none."""
    known = [CrmField("amount", kind=ValueType.NUMBER), CrmField("other", kind=ValueType.DATE)]

    assert mapping.kinds_of(TYPED, known) == {"custom_fields.budget": ValueType.NUMBER}
