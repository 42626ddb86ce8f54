"""Runs: imports of all records, pushes of leads, and applied changes of settings. A dry run only plans."""

from datetime import datetime
from typing import Annotated, Literal

import grpc
from leadsync.integration.v1 import integration_service_pb2 as pb
from leadsync.integration.v1.integration_service_pb2_grpc import IntegrationServiceStub
from msgspec import UNSET, Meta, Struct, UnsetType, field

from webhook_gateway.problem import Fault, invalid
from webhook_gateway.resources.basics import Id, Paging
from webhook_gateway.resources.integration_settings import Proposal, Steps, paths_of, settings_in, settings_of
from webhook_gateway.resources.only_integration import CHOSEN, IntegrationId, OnlyIntegration
from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.policy import EffectivePolicies, EffectiveRule
from webhook_gateway.resources.reasons import CONNECTOR, CRM, PAGES, SETTINGS, Reasons
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.messages import filled, plain
from webhook_gateway.rpc.names import LeadField

RUNS = "/api/v1/crm-integration/runs"
RUNNING: Reasons = {400: ("run_in_progress", "direction")}
NO_RUN: Reasons = {404: ("run_not_found",)}
NO_PLAN: Reasons = {400: ("not_a_dry_run",)}
RunKind = Literal["import", "push", "apply"]
_ASKS_CRM_SECONDS = 30.0  # proposed settings are checked against the CRM's properties


class ProposedSettings(Struct, rename="camel"):
    """The settings that a dry run tried out, whole. With `etag` as `If-Match` they apply to what was planned with."""

    etag: str
    direction: str
    field_mapping: dict[LeadField, str]
    field_rules: dict[LeadField, EffectiveRule]
    field_transforms: dict[LeadField, Steps]
    policies: EffectivePolicies


class Run(Struct, rename="camel"):
    """A long work on many records or leads. `total`, `ratePerSecond` and `forecastAt` are null while unknown.

    A dry run only plans: `outcomes`, `effects` and `callsNeeded` are what the run itself would come to and take.
    `proposed` are the settings that it tried out; lists leave them out.
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
    proposed: ProposedSettings | None = None


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


class Import(Struct, rename="camel", forbid_unknown_fields=True):
    """Which integration's records to import. `dryRun` only plans it, also as if the integration were as `proposed`."""

    integration_id: IntegrationId = ""
    dry_run: bool = False
    proposed: Proposal | UnsetType = UNSET


class Push(Struct, rename="camel", forbid_unknown_fields=True):
    """Which leads to write to the CRM; absent = all leads of the tenant. `dryRun` only plans it."""

    integration_id: IntegrationId = ""
    lead_ids: Annotated[list[Id], Meta(min_length=1, max_length=10_000)] | UnsetType = UNSET
    dry_run: bool = False


class Started(Struct, rename="camel"):
    """The run that was started."""

    run_id: str


class StartedPush(Started, rename="camel"):
    """The run that was started; `queued` is the number of leads, null while unknown."""

    queued: int | None


class Runs(Client):
    """Starts, watches and cancels runs of crm-connector. Every operation raises ServiceProblem."""

    service = "connector"

    def __init__(self, connector: grpc.aio.Channel, only: OnlyIntegration) -> None:
        self._stub = IntegrationServiceStub(connector)
        self._only = only

    @operation("POST", "/api/v1/crm-integration/sync-leads", *CHOSEN, RUNNING, status=202)
    async def sync_leads(self, tenant: str, body: Push, request_id: str) -> StartedPush:
        """Write leads to the CRM, or plan it; the same `Idempotency-Key` again returns the first run."""
        lead_ids = body.lead_ids or []
        request = pb.StartPushRequest(
            tenant_id=tenant,
            integration_id=await self._only.choose(tenant, body.integration_id),
            request_id=request_id,
            lead_ids=lead_ids,
            dry_run=body.dry_run,
        )
        run = (await self.call(self._stub.StartPush, request)).run
        return StartedPush(run.run_id, len(lead_ids) or run.total or None)

    @operation(
        "POST",
        "/api/v1/crm-integration/import",
        *CHOSEN,
        SETTINGS,
        RUNNING,
        CRM,
        status=202,
    )
    async def start_import(self, tenant: str, body: Import, request_id: str) -> Started:
        """Import all records of the CRM, or plan it; the same `Idempotency-Key` again returns the first run."""
        integration_id = await self._only.choose(tenant, body.integration_id)
        request = pb.StartImportRequest(
            tenant_id=tenant, integration_id=integration_id, request_id=request_id, dry_run=body.dry_run
        )
        if proposed := _proposed(body):
            request.proposed.CopyFrom(settings_of(proposed))
            request.proposed_mask.paths.extend(paths_of(proposed))
        return Started((await self.call(self._stub.StartImport, request, _ASKS_CRM_SECONDS)).run.run_id)

    @operation("GET", RUNS, PAGES, CONNECTOR)
    async def list_runs(self, tenant: str, query: RunQuery) -> RunPage:
        """List imports and pushes, newest first."""
        request = filled(pb.ListRunsRequest(tenant_id=tenant), query)
        return plain(await self.call(self._stub.ListRuns, request), RunPage)

    @operation("GET", f"{RUNS}/{{run_id}}", NO_RUN, CONNECTOR)
    async def get_run(self, tenant: str, run_id: str) -> Run:
        """Get an import or a push, and how far it is."""
        request = pb.GetRunRequest(tenant_id=tenant, run_id=run_id)
        run = (await self.call(self._stub.GetRun, request)).run
        proposed = plain(run.proposed, ProposedSettings, **settings_in(run.proposed))
        return plain(run, Run, proposed=proposed if run.HasField("proposed") else None)

    @operation("GET", f"{RUNS}/{{run_id}}/plan", NO_RUN, NO_PLAN, PAGES, CONNECTOR)
    async def list_plan(self, tenant: str, run_id: str, query: PlanQuery) -> PlanPage:
        """List what a dry run found, record by record; kept for seven days."""
        request = filled(pb.ListPlannedRecordsRequest(tenant_id=tenant, run_id=run_id), query)
        return plain(await self.call(self._stub.ListPlannedRecords, request), PlanPage)

    @operation("POST", f"{RUNS}/{{run_id}}/cancel", NO_RUN, CONNECTOR)
    async def cancel_run(self, tenant: str, run_id: str) -> Run:
        """Cancel an import or a push; what it has begun is finished."""
        request = pb.CancelRunRequest(tenant_id=tenant, run_id=run_id)
        return plain((await self.call(self._stub.CancelRun, request)).run, Run)


def _proposed(body: Import) -> Proposal | None:
    """The settings that are tried out; None if nothing is proposed. Raises Problem 400."""
    if body.proposed is UNSET:
        return None
    if not body.dry_run:
        raise invalid(Fault("proposed", "can be tried out in a dry run only"))
    if body.proposed.policies and body.proposed.policies.deletions:
        raise invalid(Fault("proposed.policies.deletions", "cannot be tried out: an import deletes nothing"))
    return body.proposed if paths_of(body.proposed) else None
