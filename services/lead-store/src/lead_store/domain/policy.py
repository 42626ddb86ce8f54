"""What a customer decides about an integration: every default and every check, for all settings at once.

Reasons and paths are those that people see: `invalid_field_rules` names a rule, `invalid_field` anything else.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

import phonenumbers

from lead_store.domain.errors import Invalid
from lead_store.domain.lead_fields import TenantFields
from lead_store.domain.rules import (
    BlankRule,
    DeletePolicy,
    Deletions,
    Direction,
    FieldRule,
    MatchKey,
    MergeRule,
    RecordPolicy,
)

LONGEST_GRACE = timedelta(days=30)
LONGEST_NAME = 80  # of a field, where it is shown in a path


@dataclass(frozen=True, slots=True)
class GivenRule:
    """The rule of a field as it was given; None = the default."""

    field: str
    merge: MergeRule | None = None
    blank: BlankRule | None = None
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class GivenDeletions:
    """How deletions are to be followed, as it was given; None and 0 = the default."""

    policy: DeletePolicy | None = None
    grace_seconds: int = 0
    cap_number: int = 0
    cap_percent: int = 0
    record_policy: RecordPolicy | None = None


@dataclass(frozen=True, slots=True)
class GivenPolicy:
    """A policy as it was given."""

    direction: Direction | None
    rules: tuple[GivenRule, ...] = ()
    deletions: GivenDeletions = field(default_factory=GivenDeletions)
    match_keys: tuple[MatchKey, ...] = ()
    phone_region: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy with every default filled in. `rules` has one rule for each mapped field."""

    direction: Direction
    rules: Mapping[str, FieldRule]
    deletions: Deletions
    match_keys: tuple[MatchKey, ...]
    phone_region: str


def checked(given: GivenPolicy, mapped: Collection[str], fields: TenantFields) -> Policy:
    """Check a policy and fill in its defaults. Raises Invalid with the path of what cannot be."""
    if given.direction is None:
        raise Invalid("direction", "say which way changes may flow: to_crm, from_crm or bidirectional")
    return Policy(
        given.direction,
        rules=_rules(given.rules, mapped, given.direction, fields),
        deletions=_deletions(given.deletions),
        match_keys=tuple(dict.fromkeys(given.match_keys)) or (MatchKey.EMAIL,),
        phone_region=_region(given.phone_region),
    )


def _rules(
    given: Collection[GivenRule], mapped: Collection[str], direction: Direction, fields: TenantFields
) -> dict[str, FieldRule]:
    """One rule for each mapped field. A rule names a mapped field, once, and lets it flow somewhere."""
    rules = {name: FieldRule(kind=fields.type_of(name)) for name in sorted(mapped)}
    seen: set[str] = set()
    for rule in given:
        path = f"field_rules.{rule.field[:LONGEST_NAME]}"
        if rule.field not in rules or rule.field in seen:
            message = (
                f"a rule needs a mapped field of its own; `{rule.field[:LONGEST_NAME]}` is unmapped or named twice"
            )
            raise Invalid(path, message, "invalid_field_rules")
        seen.add(rule.field)
        own = rules[rule.field]
        own = replace(
            own,
            merge=rule.merge or own.merge,
            blank=rule.blank or own.blank,
            direction=rule.direction or own.direction,
        )
        if own.direction.within(direction) is None:
            message = (
                f"it flows nowhere: the field may flow {own.direction} only, the integration {direction}; "
                "change one of the directions, or leave the field out of the mapping"
            )
            raise Invalid(f"{path}.direction", message, "invalid_field_rules")
        rules[rule.field] = own
    return rules


def _deletions(given: GivenDeletions) -> Deletions:
    default = Deletions()
    grace = timedelta(seconds=given.grace_seconds)
    if not timedelta() <= grace <= LONGEST_GRACE:
        raise Invalid("deletions.grace_seconds", "a grace is 0 to 30 days")
    if given.cap_number < 0:
        raise Invalid("deletions.cap_number", "a number is not negative")
    if not 0 <= given.cap_percent <= 100:
        raise Invalid("deletions.cap_percent", "a share is 0 to 100 percent")
    return Deletions(
        given.policy or default.policy,
        grace,
        given.cap_number or default.cap_number,
        given.cap_percent or default.cap_percent,
        given.record_policy or default.record_policy,
    )


def _region(region: str) -> str:
    if region and region not in phonenumbers.SUPPORTED_REGIONS:
        raise Invalid("matching.phone_region", "name the country by its two letters, such as CH or US")
    return region
