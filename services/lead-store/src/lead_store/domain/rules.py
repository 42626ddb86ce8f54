"""The rules by which an integration's fields are kept the same."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


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
    """How one mapped field is kept the same."""

    merge: MergeRule = MergeRule.NEWEST
    blank: BlankRule = BlankRule.KEEP


class DeletePolicy(StrEnum):
    """What happens to a lead whose record was deleted in the CRM."""

    UNLINK = "unlink"
    DELETE_LEAD = "delete_lead"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Deletions:
    """How deletions in the CRM are followed. The cap is per hour, whichever of number and percent is more."""

    policy: DeletePolicy = DeletePolicy.UNLINK
    grace: timedelta = timedelta()
    cap_number: int = 500
    cap_percent: int = 20

    def most(self, linked: int) -> int:
        """How many deletions an hour may bring, of so many linked leads."""
        return max(self.cap_number, linked * self.cap_percent // 100)


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

    @property
    def fingerprint(self) -> str:
        """Differs when the same readings may lead to other decisions."""
        rules = [f"{name}:{rule.merge}:{rule.blank}" for name, rule in sorted(self.rules.items())]
        return hashlib.sha256("|".join([self.direction, self.mapping, *rules]).encode()).hexdigest()[:16]


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
