"""The rules by which an integration's fields are kept the same."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple


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

    KEEP = "keep"
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one mapped field is kept the same, and which way it may flow. The defaults are decided here alone."""

    merge: MergeRule = MergeRule.NEWEST
    blank: BlankRule = BlankRule.KEEP
    direction: Direction = Direction.BIDIRECTIONAL


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
        """How many more deletions this hour may bring, of so many linked leads, after so many."""
        return max(self.cap_number, linked * self.cap_percent // 100) - followed


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
        return hashlib.sha256("|".join([self.direction, self.mapping, *matching, *rules]).encode()).hexdigest()[:16]


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
