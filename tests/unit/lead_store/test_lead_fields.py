"""Declarations of lead fields: what is accepted, what a tenant may have, and values by their types."""

import pytest
from lead_store.domain.errors import Invalid, NotAllowed
from lead_store.domain.fields import STANDARD_FIELDS
from lead_store.domain.lead_fields import (
    LONGEST_OPTIONS_IN_ALL,
    MOST_FIELDS,
    MOST_OPTIONS,
    MOST_OPTIONS_IN_ALL,
    LeadField,
    TenantFields,
    declare,
)
from lead_store.domain.values import FieldType

REVENUE = declare("custom_fields.revenue", "Revenue", FieldType.NUMBER)


def declared(*fields: LeadField) -> TenantFields:
    """The fields of a tenant that declared these."""
    found = TenantFields()
    for field in fields:
        found = found.with_field(field)
    return found


def test_standard_fields_have_types_of_their_own() -> None:
    """E-mail, phone and web site have theirs, the others are text, and so is what nobody declared."""
    fields = TenantFields()
    types = {name: fields.type_of(name) for name in STANDARD_FIELDS}
    special = {name: kind.value for name, kind in types.items() if kind is not FieldType.TEXT}
    assert special == {"email": "email", "phone": "phone", "website": "url"}
    assert fields.type_of("custom_fields.revenue") is FieldType.TEXT
    assert [field.name for field in fields.in_order()] == list(STANDARD_FIELDS)
    assert all(field.standard and field.label and not field.revision for field in fields.in_order())


def test_declared_fields_follow_the_standard_ones_by_name() -> None:
    """The order of the list does not depend on when a field was declared."""
    size = declare("custom_fields.size", " Size of the company ", FieldType.TEXT)
    names = [field.name for field in declared(size, REVENUE).in_order()]
    assert names == [*STANDARD_FIELDS, "custom_fields.revenue", "custom_fields.size"]
    assert size.label == "Size of the company"
    assert declare("custom_fields.size", "  ", FieldType.TEXT).label == "size"


@pytest.mark.parametrize(
    ("name", "label", "kind", "options", "path"),
    [
        ("email", "E-mail", FieldType.EMAIL, (), "name"),
        ("revenue", "Revenue", FieldType.NUMBER, (), "name"),
        ("custom_fields.", "", FieldType.TEXT, (), "name"),
        ("custom_fields.a b", "", FieldType.TEXT, (), "name"),
        ("custom_fields." + "a" * 65, "", FieldType.TEXT, (), "name"),
        ("custom_fields.a", "x" * 201, FieldType.TEXT, (), "label"),
        ("custom_fields.a", "two\nlines", FieldType.TEXT, (), "label"),
        ("custom_fields.a", "A", FieldType.NUMBER, ("1",), "options"),
        ("custom_fields.a", "A", FieldType.CHOICE, tuple(map(str, range(MOST_OPTIONS + 1))), "options"),
        ("custom_fields.a", "A", FieldType.CHOICE, ("hot", ""), "options[1]"),
        ("custom_fields.a", "A", FieldType.CHOICE, (" hot",), "options[0]"),
        ("custom_fields.a", "A", FieldType.CHOICE, ("x" * 201,), "options[0]"),
        ("custom_fields.a", "A", FieldType.CHOICE, ("hot", "cold", "hot"), "options[2]"),
        ("custom_fields.a", "A", FieldType.MULTI_CHOICE, ("a;b",), "options[0]"),
    ],
)
def test_a_wrong_declaration_names_its_fault(
    name: str, label: str, kind: FieldType, options: tuple[str, ...], path: str
) -> None:
    """What cannot be declared is refused with the path of what is wrong."""
    with pytest.raises(Invalid) as refused:
        declare(name, label, kind, options)
    assert refused.value.field == path


def test_the_largest_declaration_is_accepted() -> None:
    """A label of 200 characters and 1,000 options of 200 are allowed; a single choice may hold a semicolon."""
    options = tuple(f"{number:0200}" for number in range(MOST_OPTIONS))
    assert len(declare("custom_fields." + "a" * 64, "x" * 200, FieldType.MULTI_CHOICE, options).options) == MOST_OPTIONS
    assert declare("custom_fields.a", "", FieldType.CHOICE, ("a;b",)).options == ("a;b",)


def test_each_change_counts_and_repeating_one_does_not() -> None:
    """A change gives the field a new revision; the same declaration again is no change; a removal counts as well."""
    once = declared(REVENUE)
    assert once.with_field(REVENUE) is once
    again = once.without(REVENUE.name).with_field(REVENUE)
    assert [fields.declared[REVENUE.name].revision for fields in (once, again)] == [1, 3]
    assert once.without("custom_fields.other") is once


def test_a_tenant_declares_200_fields_at_most() -> None:
    """One more is refused, while those that are there can still be changed."""
    full = declared(*(declare(f"custom_fields.f{number}", "", FieldType.TEXT) for number in range(MOST_FIELDS)))
    with pytest.raises(NotAllowed) as refused:
        full.with_field(REVENUE)
    assert refused.value.reason == "too_many_lead_fields"
    changed = full.with_field(declare("custom_fields.f7", "", FieldType.NUMBER))
    assert changed.type_of("custom_fields.f7") is FieldType.NUMBER


@pytest.mark.parametrize("length", [1, 200])
def test_the_options_of_a_tenant_are_bounded_in_all(length: int) -> None:
    """All fields together may not have so many options that a list of them does not fit into a message."""
    most = min(MOST_OPTIONS_IN_ALL, LONGEST_OPTIONS_IN_ALL // length) // MOST_OPTIONS
    options = tuple(f"{chr(0x4E00 + number)}{'x' * (length - 1)}" for number in range(MOST_OPTIONS))
    fields = declared(*(declare(f"custom_fields.f{n}", "", FieldType.CHOICE, options) for n in range(most)))
    with pytest.raises(NotAllowed) as refused:
        fields.with_field(declare("custom_fields.more", "", FieldType.CHOICE, options))
    assert refused.value.reason == "too_many_options"


def test_a_value_is_kept_in_the_form_of_its_field() -> None:
    """A value of a declared field becomes canonical or is refused by name; others stay as they are."""
    fields = declared(REVENUE, declare("custom_fields.heat", "", FieldType.CHOICE, ("hot",)))
    assert fields.canonical("custom_fields.revenue", "12.50") == "12.5"
    assert [fields.canonical(name, " 12.50 ") for name in ("company", "custom_fields.size")] == [" 12.50 "] * 2
    for name, reason in (("custom_fields.revenue", "not_a_number"), ("custom_fields.heat", "not_an_option")):
        with pytest.raises(Invalid) as refused:
            fields.canonical(name, "cold")
        assert (refused.value.field, refused.value.reason) == (name, reason)
