"""What came in, what is to be done, how far it is, and what became of it."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from webhook_gateway.model.basics import Id, LeadField, Paging

DeliveryState = Literal["new", "routed", "ignored"]
WorkState = Literal["due", "leased", "failed"]
RunKind = Literal["import", "push", "apply"]
Time = Annotated[datetime, Meta(tz=True)]


class Run(Struct, rename="camel"):
    """A long work on many records or leads. `total`, `ratePerSecond` and `forecastAt` are null while unknown.

    A dry run only plans: `outcomes`, `effects` and `callsNeeded` are what the run itself would come to and take.
    """

    run_id: str = field(name="id")
    integration_id: str
    kind: RunKind
    state: Literal["running", "succeeded", "cancelled", "failed"]
    total: int | None
    done: int
    outcomes: dict[str, int]
    calls: int
    rate: float | None = field(name="ratePerSecond")
    forecast_at: datetime | None
    created_at: datetime | None
    ended_at: datetime | None
    reason: str | None
    dry_run: bool
    reasons: dict[str, int]
    effects: dict[str, int]
    calls_needed: int | None


class PlannedRecord(Struct, rename="camel"):
    """What a dry run found about one record or lead: the conclusion, and the fields that would change on each side."""

    record_id: str | None
    lead_id: str | None
    outcome: str
    reason: str | None
    lead_fields: list[LeadField]
    crm_fields: list[LeadField]
    conflict_fields: list[LeadField]


class PlanQuery(Paging):
    """Which part of a plan is asked for."""

    outcome: Annotated[str, Meta(max_length=32)] = ""


class PlanPage(Struct, rename="camel"):
    """What a dry run found."""

    records: list[PlannedRecord]
    next_page_token: str | None


class RunQuery(Paging):
    """Which runs are asked for."""

    integration_id: str = ""
    kind: RunKind | UnsetType = UNSET


class RunPage(Struct, rename="camel"):
    """Runs, newest first."""

    runs: list[Run]
    next_page_token: str | None


class FromCrm(Struct, rename="camel"):
    """What the CRM's records brought, since the integration began."""

    created: int
    updated: int
    skipped: int
    unlinked: int
    failed: int
    found_by_sweep: int


class ToCrm(Struct, rename="camel"):
    """What was written to the CRM, since the integration began."""

    synced: int
    failed: int


class SyncStatus(Struct, rename="camel"):
    """Counters of one integration, and what is still to do. `runs` are those at work; null while nobody can say."""

    from_crm: FromCrm
    to_crm: ToCrm
    success_rate: float | None
    pending: int
    oldest_pending_seconds: int
    conflicts: int
    failed_work: int
    total_received: int
    last_received_at: datetime | None
    runs: list[Run] | None


class Work(Struct, rename="camel"):
    """The work on one record or lead: what is due, leased or failed, and why."""

    work_item_id: str = field(name="id")
    integration_id: str
    state: WorkState
    record_id: str | None
    lead_id: str | None
    due_at: datetime | None
    attempts: int
    reason: str | None
    cause: str | None
    remedy: str | None


class WorkQuery(Paging):
    """Which work is asked for."""

    integration_id: str = ""
    state: WorkState | UnsetType = UNSET


class Redrive(Struct, rename="camel", forbid_unknown_fields=True):
    """Which failed work to make due again: all of an integration, or what failed for a reason, or some by id.

    So much of it becomes due in a second (0 = all at once); `dryRun` only counts it.
    """

    integration_id: Id
    reason: str = ""
    work_item_ids: Annotated[list[Id], Meta(min_length=1, max_length=1000)] | UnsetType = UNSET
    per_second: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    dry_run: bool = False


class WorkPage(Struct, rename="camel"):
    """Work that is not idle."""

    work: list[Work]
    next_page_token: str | None


class DeliveryQuery(Paging):
    """Which deliveries are asked for: those of an integration, touching a record or a lead's records, received when."""

    integration_id: str = ""
    record_id: str = ""
    lead_id: str = ""
    state: DeliveryState | UnsetType = UNSET
    received_after: Time | UnsetType = UNSET
    received_before: Time | UnsetType = UNSET


class RecordWork(Struct, rename="camel"):
    """Where the work on an event's record stands now, and how it last ended."""

    state: str
    outcome: str | None
    reason: str | None
    decided_at: datetime | None
    lead_id: str | None


class ShownEvent(Struct, rename="camel"):
    """One event of a delivery, in the CRM's words. `ignored`: it is of a kind that is not synced."""

    type: str
    object_type: str
    record_id: str | None
    property: str | None
    value: str | None
    occurred_at: datetime | None
    source: str | None
    merged_record_ids: list[str]
    ignored: bool
    work: RecordWork | None = None


class KeptDelivery(Struct, rename="camel"):
    """One webhook request that was kept, its events, and what became of it."""

    delivery_key: str
    received_at: datetime | None
    state: DeliveryState
    reason: str | None
    integration_id: str
    events: list[ShownEvent]


class EventPage(Struct, rename="camel"):
    """Deliveries, newest first; each holds the events of one request."""

    events: list[KeptDelivery]
    next_page_token: str | None
