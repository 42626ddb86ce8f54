"""The one table of routes: what can be asked, and who may. Routes, `/openapi.json` and the tests are made from it."""

from functools import cache
from typing import Any

from starlette.responses import Response

from webhook_gateway.clients.conflicts import ConflictClient
from webhook_gateway.clients.inbox import InboxClient
from webhook_gateway.clients.integrations import IntegrationClient
from webhook_gateway.clients.leads import LeadClient
from webhook_gateway.clients.matches import MatchClient
from webhook_gateway.clients.quarantine import QuarantineClient
from webhook_gateway.clients.runs import RunClient
from webhook_gateway.clients.sync import SyncClient
from webhook_gateway.http import conflicts, health, integrations, matches, sync, webhooks
from webhook_gateway.http.auth import Role
from webhook_gateway.http.calling import Call, RawHandler
from webhook_gateway.http.openapi import describe
from webhook_gateway.http.operation import Row
from webhook_gateway.http.statuses import (
    CONNECTED,
    CONNECTOR,
    CRM,
    DOOR,
    LEAD_VALUES,
    NO_CONFLICT,
    NO_DECISION,
    NO_DELIVERY,
    NO_INTEGRATION,
    NO_LEAD,
    NO_MATCH,
    NO_PLAN,
    NO_PROVIDER,
    NO_RUN,
    NO_SURVIVOR,
    PAGES,
    PICK,
    RUNNING,
    SETTINGS,
    STALE,
    STORE,
    UNDO,
)

_CRM = "/api/v1/crm-integration"
_ONE = f"{_CRM}/{{integration_id}}"
_ASKS_CRM = (NO_INTEGRATION, CONNECTOR, CRM)
_RECEIVE = RawHandler(webhooks.receive_webhook, body=list[dict[str, Any]], answer=webhooks.Kept)


async def openapi(call: Call) -> Response:  # noqa: ARG001
    """Get this description."""
    return Response(_description(), media_type="application/json")


# Literal paths precede those with a parameter in the same place.
ROUTES: tuple[Row, ...] = (
    Row("POST", "/api/v1/webhooks/{provider}", None, _RECEIVE, (NO_PROVIDER, STORE, DOOR)),
    Row("GET", "/api/v1/webhooks/{provider}", None, webhooks.webhook_ready, (NO_PROVIDER,)),
    Row("GET", "/api/v1/events", Role.VIEWER, InboxClient.list_events, (PAGES, STORE)),
    Row("GET", "/api/v1/events/quarantine", Role.ADMIN, QuarantineClient.get_quarantine, (STORE,)),
    Row("POST", "/api/v1/events/verify-again", Role.ADMIN, webhooks.verify_again, (STORE,)),
    Row("GET", "/api/v1/events/{delivery_key}", Role.VIEWER, InboxClient.get_events, (NO_DELIVERY, STORE)),
    Row("POST", "/api/v1/leads", Role.OPERATOR, LeadClient.create_lead, (LEAD_VALUES, STORE), 201),
    Row("GET", "/api/v1/leads", Role.VIEWER, LeadClient.list_leads, (PAGES, STORE)),
    Row("GET", "/api/v1/leads/{lead_id}", Role.VIEWER, LeadClient.get_lead, (NO_LEAD, STORE)),
    Row(
        "PATCH", "/api/v1/leads/{lead_id}", Role.OPERATOR, LeadClient.update_lead, (NO_LEAD, LEAD_VALUES, STALE, STORE)
    ),
    Row(
        "DELETE",
        "/api/v1/leads/{lead_id}",
        Role.OPERATOR,
        LeadClient.delete_lead,
        (NO_LEAD, NO_SURVIVOR, STALE, STORE),
        204,
    ),
    Row("GET", "/api/v1/leads/{lead_id}/history", Role.VIEWER, LeadClient.list_history, (NO_LEAD, PAGES, STORE)),
    Row("GET", "/api/v1/conflicts", Role.VIEWER, ConflictClient.list_conflicts, (PAGES, STORE)),
    Row(
        "POST",
        "/api/v1/conflicts/resolve",
        Role.OPERATOR,
        conflicts.resolve_conflict,
        (NO_CONFLICT, LEAD_VALUES, STALE, STORE),
    ),
    Row("POST", "/api/v1/conflicts/resolve-all", Role.OPERATOR, ConflictClient.resolve_conflicts, (LEAD_VALUES, STORE)),
    Row(
        "POST",
        "/api/v1/decisions/{decision_id}/undo",
        Role.OPERATOR,
        ConflictClient.undo_decision,
        (NO_DECISION, UNDO, LEAD_VALUES, STALE, STORE),
    ),
    Row("GET", "/api/v1/matches", Role.VIEWER, MatchClient.list_matches, (PAGES, STORE)),
    Row("POST", "/api/v1/matches/pick", Role.OPERATOR, matches.pick_match, (NO_MATCH, PICK, STALE, STORE), 204),
    Row("GET", "/api/v1/duplicates", Role.VIEWER, MatchClient.list_duplicates, (PAGES, STORE)),
    Row("GET", f"{_CRM}/sync-status", Role.VIEWER, sync.sync_status, (NO_INTEGRATION, STORE)),
    Row("POST", f"{_CRM}/sync-leads", Role.OPERATOR, sync.sync_leads, (NO_INTEGRATION, RUNNING, CONNECTOR), 202),
    Row("POST", f"{_CRM}/import", Role.OPERATOR, sync.start_import, (SETTINGS, RUNNING, *_ASKS_CRM), 202),
    Row("GET", f"{_CRM}/runs", Role.VIEWER, RunClient.list_runs, (PAGES, CONNECTOR)),
    Row("GET", f"{_CRM}/runs/{{run_id}}", Role.VIEWER, RunClient.get_run, (NO_RUN, CONNECTOR)),
    Row("GET", f"{_CRM}/runs/{{run_id}}/plan", Role.VIEWER, RunClient.list_plan, (NO_RUN, NO_PLAN, PAGES, CONNECTOR)),
    Row("POST", f"{_CRM}/runs/{{run_id}}/cancel", Role.OPERATOR, RunClient.cancel_run, (NO_RUN, CONNECTOR)),
    Row("POST", _CRM, Role.ADMIN, integrations.create_integration, (SETTINGS, CONNECTED, CONNECTOR, CRM), 201),
    Row("GET", _CRM, Role.VIEWER, IntegrationClient.list_integrations, (PAGES, CONNECTOR)),
    Row("GET", _ONE, Role.VIEWER, IntegrationClient.get_integration, (NO_INTEGRATION, CONNECTOR)),
    Row("PATCH", _ONE, Role.ADMIN, integrations.update_integration, (SETTINGS, STALE, *_ASKS_CRM)),
    Row("DELETE", _ONE, Role.ADMIN, IntegrationClient.delete_integration, _ASKS_CRM, 204),
    Row("POST", f"{_ONE}/enable-webhooks", Role.ADMIN, IntegrationClient.enable_webhooks, _ASKS_CRM),
    Row("POST", f"{_ONE}/disable-webhooks", Role.ADMIN, IntegrationClient.disable_webhooks, _ASKS_CRM),
    Row("GET", f"{_ONE}/webhook-status", Role.VIEWER, integrations.webhook_status, (*_ASKS_CRM, STORE)),
    Row("GET", f"{_ONE}/check", Role.VIEWER, integrations.check_integration, (*_ASKS_CRM, STORE)),
    Row("GET", f"{_ONE}/fields", Role.VIEWER, IntegrationClient.list_fields, _ASKS_CRM),
    Row("GET", "/api/v1/work", Role.VIEWER, SyncClient.list_work, (PAGES, STORE)),
    Row("POST", "/api/v1/work/redrive", Role.OPERATOR, sync.redrive, (NO_INTEGRATION, STORE)),
    Row("GET", "/livez", None, health.livez),
    Row("GET", "/readyz", None, health.readyz, ({503: ("store_unavailable",)},)),
    Row("GET", "/metrics", None, health.metrics),
    Row("GET", "/openapi.json", None, openapi),
)


@cache
def _description() -> bytes:
    return describe(ROUTES)
