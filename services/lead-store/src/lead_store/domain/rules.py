"""The rules by which an integration's fields are kept the same, and what its CRM can do."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from lead_store.domain.lead_fields import TenantFields
from lead_store.domain.values import FieldType, NotOfType, canonical


class Direction(StrEnum):
    """Which way changes may flow."""

    TO_CRM = "to_crm"
    FROM_CRM = "from_crm"
    BIDIRECTIONAL = "bidirectional"

    @property
    def to_crm(self) -> bool:
        """Whether the platform's changes may flow to the CRM."""
        return self is not Direction.FROM_CRM

    @property
    def from_crm(self) -> bool:
        """Whether the CRM's changes may flow to the platform."""
        return self is not Direction.TO_CRM

    def within(self, other: "Direction") -> "Direction | None":
        """What both directions allow; None = nothing."""
        if self is other or other is Direction.BIDIRECTIONAL:
            return self
        return other if self is Direction.BIDIRECTIONAL else None


class MergeRule(StrEnum):
    """Who wins when both sides changed a field to different values."""

    CRM = "crm"
    PLATFORM = "platform"
    NEWEST = "newest"
    ASK = "ask"


class BlankRule(StrEnum):
    """What a blank on one side means for a value on the other."""

    FOLLOW = "follow"  # what one side clears is cleared on the other, unless that one has changed it too
    KEEP = "keep"
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one mapped field is kept the same, which way it may flow, and what type its values have."""

    merge: MergeRule = MergeRule.NEWEST
    blank: BlankRule = BlankRule.FOLLOW
    direction: Direction = Direction.BIDIRECTIONAL
    kind: FieldType = FieldType.TEXT

    def canonical(self, value: str) -> str | None:
        """A value in the canonical form of its type. None if it is not of the type."""
        try:
            return canonical(self.kind, value)
        except NotOfType:
            return None


class DeletePolicy(StrEnum):
    """What happens to a lead whose record was deleted in the CRM."""

    UNLINK = "unlink"
    DELETE_LEAD = "delete_lead"
    IGNORE = "ignore"


class RecordPolicy(StrEnum):
    """What happens to a record whose lead was deleted on the platform."""

    LEAVE = "leave"
    ARCHIVE = "archive"


class MatchKey(StrEnum):
    """What lead and record must have in common to be the same person."""

    EMAIL = "email"
    PHONE = "phone"
    NAME_DOMAIN = "name_domain"


@dataclass(frozen=True, slots=True)
class Deletions:
    """How deletions are followed on the other side. The cap is per hour, whichever of number and percent is more."""

    policy: DeletePolicy = DeletePolicy.UNLINK
    grace: timedelta = timedelta()
    cap_number: int = 500
    cap_percent: int = 20
    record_policy: RecordPolicy = RecordPolicy.LEAVE

    def left(self, linked: int, followed: int) -> int:
        """How many more deletions, or clearings of one field, this hour may bring, of so many linked leads."""
        return max(self.cap_number, linked * self.cap_percent // 100) - followed


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a CRM can do, as far as decisions depend on it."""

    history: bool = True  # versions of at least some properties can be read
    guarded_writes: bool = False  # a write is refused once the record is newer than the reading it was planned on
    write_stamp: bool = False  # the record holds the id of our last write that landed
    erasure_events: bool = False
    unread_within: timedelta = timedelta()  # by so much modified-at may be too coarse or too late
    objects: tuple[str, ...] = ()  # that are synced, in the CRM's words


class Account(NamedTuple):
    """One customer's account at a CRM."""

    provider: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Target:
    """What lead-store knows of an integration: enough to route deliveries and to merge."""

    integration_id: str
    tenant_id: str
    provider: str
    account_id: str
    direction: Direction
    rules: Mapping[str, FieldRule] = field(default_factory=dict)
    mapping: str = ""  # fingerprint of the field mapping: a base made under another one is not used (R19)
    webhooks_enabled: bool = True
    paused: bool = False
    revision: int = 0
    deletions: Deletions = field(default_factory=Deletions)
    match_keys: tuple[MatchKey, ...] = (MatchKey.EMAIL,)
    phone_region: str = ""  # country of phone numbers that name none, ISO 3166-1 alpha-2
    capabilities: Capabilities = field(default_factory=Capabilities)
    provider_name: str = ""  # the provider as people write it
    options: str = ""  # fingerprint of the options of the mapped choices: other options make other values readable

    @property
    def account(self) -> Account:
        """The account at the CRM."""
        return Account(self.provider, self.account_id)

    @property
    def flows(self) -> dict[str, FieldRule]:
        """The rules of the fields that flow at all, each in the direction that it and the integration allow."""
        flowing = ((name, rule, rule.direction.within(self.direction)) for name, rule in self.rules.items())
        return {
            name: rule if direction is rule.direction else replace(rule, direction=direction)
            for name, rule, direction in flowing
            if direction is not None
        }

    @property
    def fingerprint(self) -> str:
        """Differs when the same readings may lead to other decisions."""
        rules = [f"{name}:{rule.merge}:{rule.blank}:{rule.direction}" for name, rule in sorted(self.rules.items())]
        matching = [*sorted(self.match_keys), self.phone_region]
        return _digest([self.direction, self.mapping, *matching, *rules, *filter(None, [self.options])])

    def kind_of(self, name: str) -> FieldType:
        """The type of a field; text if it is not mapped."""
        rule = self.rules.get(name)
        return rule.kind if rule else FieldType.TEXT

    def typed(self, fields: TenantFields) -> "Target":
        """The target with the types of its tenant's fields.

        Types that the tenant declared are a part of the mapping: a base made under another type is not used (R19). A
        custom field is text, whether that was declared or not. Options are no part of it: the base stays.
        """
        rules = {name: replace(rule, kind=fields.type_of(name)) for name, rule in self.rules.items()}
        declared = [fields.declared[name] for name in sorted(rules.keys() & fields.declared.keys())]
        types = [f"{one.name}:{one.kind}" for one in declared if one.kind is not FieldType.TEXT]
        options = [f"{one.name}:{one.options!r}" for one in declared if one.options]
        mapping = f"{self.mapping}/{_digest(types)}" if types else self.mapping
        return replace(self, rules=rules, mapping=mapping, options=_digest(options) if options else "")


@dataclass(frozen=True, slots=True)
class Version:
    """One value that a property had, by the CRM's history."""

    crm: str
    value: str
    changed_at: datetime
    ours: bool
    source: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one mapped property held when it was read: the CRM's spelling, the same as a lead value, its history."""

    crm: str
    value: str
    versions: tuple[Version, ...] = ()  # newest first; empty unless history was read


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
