"""The field mapping and the rules of an integration."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from crm_connector.domain import mapping
from crm_connector.domain.errors import InvalidError
from crm_connector.domain.integration import (
    BlankRule,
    CredentialKind,
    Direction,
    FieldRule,
    Integration,
    MergeRule,
    check_rules,
)
from crm_connector.domain.mapping import FieldMapping
from crm_connector.domain.observation import Version
from crm_connector.domain.transforms import Transform, TransformKind
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


def test_every_mapped_field_has_a_rule() -> None:
    """Fields without a rule of their own get the default one."""
    integration = Integration(
        integration_id="i",
        tenant_id="t",
        provider="hubspot",
        account_id="1",
        app_id="2",
        credential_kind=CredentialKind.OAUTH,
        direction=Direction.FROM_CRM,
        mapping={"email": "email", "phone": "phone"},
        created_at=datetime.now(UTC),
        rules=(FieldRule("phone", MergeRule.ASK, BlankRule.CLEAR),),
    )

    assert (FieldRule("email"), FieldRule("phone", MergeRule.ASK, BlankRule.CLEAR)) == integration.field_rules
    assert (integration.reads_crm, integration.writes_crm) == (True, False)
    assert not replace(integration, direction=Direction.TO_CRM).reads_crm


@pytest.mark.parametrize("fields", [("website",), ("email", "email")])
def test_a_rule_needs_a_mapped_field_of_its_own(fields: tuple[str, ...]) -> None:
    """A rule for an unmapped field, or a second one, is refused."""
    with pytest.raises(InvalidError, match="mapped field") as caught:
        check_rules(tuple(FieldRule(field) for field in fields), FieldMapping({"email": "email"}))

    assert caught.value.reason == "invalid_field_rules"


@pytest.mark.parametrize(
    ("own", "allowed"), [(Direction.TO_CRM, Direction.FROM_CRM), (Direction.FROM_CRM, Direction.TO_CRM)]
)
def test_a_field_that_would_flow_nowhere_is_refused(own: Direction, allowed: Direction) -> None:
    """R18: a field's direction has to have something in common with the integration's."""
    rules = (FieldRule("email", direction=own),)

    with pytest.raises(InvalidError, match="flows nowhere") as caught:
        check_rules(rules, FieldMapping({"email": "email"}), allowed)

    assert (caught.value.reason, caught.value.field) == ("invalid_field_rules", "field_rules.email.direction")
    assert check_rules(rules, FieldMapping({"email": "email"}), own) == rules


def test_what_is_written_follows_both_directions() -> None:
    """Only fields that may go to the CRM, by their own direction and the integration's, are written."""
    rules = (FieldRule("phone", direction=Direction.FROM_CRM),)
    both = Integration(
        *("i", "t", "hubspot", "1", "2"),
        CredentialKind.OAUTH,
        Direction.BIDIRECTIONAL,
        {"email": "email", "phone": "phone"},
        datetime.now(UTC),
        rules,
    )

    assert both.written_fields == {"email"}
    assert replace(both, direction=Direction.FROM_CRM).written_fields == frozenset()
