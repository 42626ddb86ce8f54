"""Fields that wait for a person, and what a person decides on them."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from webhook_gateway.model.basics import Id, LeadField, Paging

Side = Literal["platform", "crm"]


class ConflictQuery(Paging):
    """Which conflicts are asked for; a page is one of leads."""

    integration_id: str = ""
    lead_id: str = ""
    field: LeadField | UnsetType = UNSET


class Conflict(Struct, rename="camel"):
    """A field that waits for a person.

    `base` is what both sides last agreed on; null if they never did. `overwritten`: both sides hold `ours` now, and
    `theirs` was replaced unseen by a write of ours. `suggested` is the side whose value was set last.
    """

    lead_id: str
    integration_id: str
    record_id: str | None
    field: LeadField
    base: str | None
    ours: str | None
    theirs: str | None
    ours_changed_at: datetime | None
    ours_source: str | None
    theirs_changed_at: datetime | None
    theirs_source: str | None
    overwritten: bool
    suggested: Side | None
    etag: str


class ConflictPage(Struct, rename="camel"):
    """The conflicts of some leads."""

    conflicts: list[Conflict]
    next_page_token: str | None


class Resolution(Struct, rename="camel", forbid_unknown_fields=True):
    """What a person decides on the conflict whose `etag` this is: to take a side, or to set a value of their own."""

    lead_id: Id
    integration_id: Id
    field: LeadField
    etag: Annotated[str, Meta(min_length=1, max_length=128)]
    take: Side | UnsetType = UNSET
    value: str | UnsetType | None = UNSET


class Resolved(Struct, rename="camel"):
    """The decision that was made; it can be undone."""

    decision_id: str


class BulkResolution(Struct, rename="camel", forbid_unknown_fields=True):
    """Whose value is taken wherever a field waits."""

    integration_id: Id
    field: LeadField
    take: Side


class BulkResolved(Struct, rename="camel"):
    """How many conflicts were settled; ask again while there are `more`."""

    resolved: int
    more: bool


class Undone(Struct, rename="camel"):
    """The lead that was changed back."""

    lead_id: str
