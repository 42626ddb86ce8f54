"""How an integration fares: its counters, its work, its runs; and asking for more of them."""

import asyncio
from http import HTTPStatus
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from webhook_gateway.clients.errors import RemoteError
from webhook_gateway.http.calling import Call
from webhook_gateway.http.problems import Fault, invalid
from webhook_gateway.http.statuses import http_status
from webhook_gateway.model.basics import Id
from webhook_gateway.model.integrations import Proposal
from webhook_gateway.model.work import Redrive, Run, RunQuery, SyncStatus


class OfIntegration(Struct, rename="camel", forbid_unknown_fields=True):
    """Which integration is asked about."""

    integration_id: Id


class Import(Struct, rename="camel", forbid_unknown_fields=True):
    """Which integration's records to import. `dryRun` only plans it, also as if the integration were as `proposed`."""

    integration_id: Id
    dry_run: bool = False
    proposed: Proposal | UnsetType = UNSET


class Push(Struct, rename="camel", forbid_unknown_fields=True):
    """Which leads to write to the CRM; absent = all leads of the tenant. `dryRun` only plans it."""

    integration_id: Id
    lead_ids: Annotated[list[Id], Meta(min_length=1, max_length=10_000)] | UnsetType = UNSET
    dry_run: bool = False


class Started(Struct, rename="camel"):
    """The run that was started."""

    run_id: str


class StartedPush(Started, rename="camel"):
    """The run that was started; `queued` is the number of leads, null while unknown."""

    queued: int | None


class Queued(Struct):
    """How much work became due."""

    queued: int


async def sync_status(call: Call, query: OfIntegration) -> SyncStatus:
    """Get the counters of an integration, what is still to do, and the runs at work."""
    status, runs = await asyncio.gather(
        call.services.sync.status(call.tenant, query.integration_id), _running(call, query.integration_id)
    )
    status.runs = runs
    return status


async def _running(call: Call, integration_id: str) -> list[Run] | None:
    """List the runs at work; None while crm-connector cannot say, which shall not hide the counters."""
    try:
        page = await call.services.runs.list_runs(call.tenant, RunQuery(integration_id=integration_id))
    except RemoteError as error:
        if http_status(error.code) < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        return None
    return [run for run in page.runs if run.state == "running"]


async def start_import(call: Call, body: Import, request_id: str) -> Started:
    """Import all records of the CRM, or plan it; the same `Idempotency-Key` again returns the first run."""
    proposed = body.proposed or None
    if proposed and not body.dry_run:
        raise invalid(Fault("proposed", "can be tried out in a dry run only"))
    if proposed and proposed.policies and proposed.policies.deletions:
        raise invalid(Fault("proposed.policies.deletions", "cannot be tried out: an import deletes nothing"))
    runs = call.services.runs
    run = await runs.start_import(call.tenant, body.integration_id, request_id, proposed, dry_run=body.dry_run)
    return Started(run.run_id)


async def sync_leads(call: Call, body: Push, request_id: str) -> StartedPush:
    """Write leads to the CRM, or plan it; the same `Idempotency-Key` again returns the first run."""
    lead_ids, runs = body.lead_ids or [], call.services.runs
    run = await runs.start_push(call.tenant, body.integration_id, lead_ids, request_id, dry_run=body.dry_run)
    return StartedPush(run.run_id, len(lead_ids) or run.total)


async def redrive(call: Call, body: Redrive) -> Queued:
    """Make failed work of an integration due again, all or some of it, at once or so much in a second; or count it."""
    return Queued(await call.services.sync.redrive(call.tenant, body))
