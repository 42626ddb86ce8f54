"""How a lead came to its values."""

from datetime import datetime

from msgspec import UNSET, Struct, UnsetType

from webhook_gateway.model.basics import LeadField, Paging
from webhook_gateway.model.conflicts import Side


class HistoryQuery(Paging):
    """Which decisions on a lead are asked for: all, or those that changed a field."""

    field: LeadField | UnsetType = UNSET


class FieldExplanation(Struct, rename="camel"):
    """One value that a decision changed: on which side, from what to what, and why in plain words."""

    field: LeadField
    side: Side
    before: str | None
    after: str | None
    because: str | None


class Explanation(Struct, rename="camel"):
    """One decision on a lead. `eventSource` is who changed the record, in the CRM's words."""

    decision_id: str
    decided_at: datetime | None
    outcome: str
    actor: str | None
    integration_id: str | None
    record_id: str | None
    reason: str | None
    event_source: str | None
    fields: list[FieldExplanation]


class History(Struct, rename="camel"):
    """Decisions on a lead, newest first."""

    explanations: list[Explanation]
    next_page_token: str | None
