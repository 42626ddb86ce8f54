"""How an integration fares: its webhooks, its counters, its work; and asking for more of it."""

import asyncio

import msgspec
from starlette.responses import Response

from webhook_gateway.clients.errors import RemoteError
from webhook_gateway.http.bodies import Body
from webhook_gateway.http.calling import Call, answer, page_query
from webhook_gateway.http.problems import Fault, invalid
from webhook_gateway.model import WORK_STATES, SyncStatus

MAX_LEADS = 1000


async def enable_webhooks(call: Call) -> Response:
    """POST /api/v1/crm-integration/{id}/enable-webhooks."""
    return answer(await call.services.integrations.enable_webhooks(call.caller.tenant, call.path("id")))


async def disable_webhooks(call: Call) -> Response:
    """POST /api/v1/crm-integration/{id}/disable-webhooks."""
    return answer(await call.services.integrations.disable_webhooks(call.caller.tenant, call.path("id")))


async def webhook_status(call: Call) -> Response:
    """GET /api/v1/crm-integration/{id}/webhook-status: what the CRM is told to send, and what has come in."""
    tenant, integration_id = call.caller.tenant, call.path("id")
    state, status = await asyncio.gather(
        call.services.integrations.webhook_state(tenant, integration_id), _status_or_zero(call, integration_id)
    )
    received = {
        "lastReceivedAt": status.last_received_at,
        "totalReceived": status.total_received,
        "successRate": status.success_rate,
    }
    return answer(msgspec.to_builtins(state) | received)


async def _status_or_zero(call: Call, integration_id: str) -> SyncStatus:
    """Get the counters; all zero while lead-store has not yet been told of the integration."""
    try:
        return await call.services.sync.status(call.caller.tenant, integration_id)
    except RemoteError as error:
        if error.not_found:
            return SyncStatus()
        raise


async def sync_status(call: Call) -> Response:
    """GET /api/v1/crm-integration/sync-status?integrationId=."""
    integration_id = _required(call.query("integrationId"), "integrationId")
    status = await call.services.sync.status(call.caller.tenant, integration_id)
    return answer(
        {
            "fromCrm": {
                "created": status.created,
                "updated": status.updated,
                "skipped": status.skipped,
                "unlinked": status.unlinked,
                "failed": status.from_crm_failed,
            },
            "toCrm": {"synced": status.synced, "failed": status.to_crm_failed},
            "successRate": status.success_rate,
            "pending": status.pending,
            "oldestPendingSeconds": status.oldest_pending_seconds,
            "conflicts": status.conflicts,
            "failedWork": status.failed_work,
        }
    )


async def sync_leads(call: Call) -> Response:
    """POST /api/v1/crm-integration/sync-leads → 202: make these leads due."""
    body = Body(await call.json())
    integration_id = body.text("integrationId", required=True)
    lead_ids = body.texts("leadIds", most=MAX_LEADS)
    body.close()
    queued = await call.services.sync.push_leads(call.caller.tenant, integration_id, lead_ids)
    return answer({"queued": queued}, 202)


async def list_work(call: Call) -> Response:
    """GET /api/v1/work: what is due, leased or failed, and why."""
    query = call.query("integrationId", "state", "pageSize", "pageToken")
    if query["state"] and query["state"] not in WORK_STATES:
        raise invalid(Fault("state", f"is one of {', '.join(WORK_STATES)}"))
    page = await call.services.sync.list_work(
        call.caller.tenant, page_query(query), integration_id=query["integrationId"], state=query["state"]
    )
    return answer({"work": page.items, "nextPageToken": page.next_page_token})


async def redrive(call: Call) -> Response:
    """POST /api/v1/work/redrive: make all failed work of an integration due again."""
    body = Body(await call.json())
    integration_id = body.text("integrationId", required=True)
    body.close()
    return answer({"queued": await call.services.sync.redrive(call.caller.tenant, integration_id)})


def _required(query: dict[str, str], name: str) -> str:
    if not query[name]:
        raise invalid(Fault(name, "is required"))
    return query[name]
