"""Connecting and configuring CRM accounts, their webhooks and their doctor. Secrets go in and never come out."""

import asyncio

import msgspec

from webhook_gateway.http.calling import Call
from webhook_gateway.http.problems import Fault, invalid
from webhook_gateway.model.basics import Tagged
from webhook_gateway.model.integrations import (
    ChangedIntegration,
    Check,
    CheckUp,
    Integration,
    IntegrationChange,
    NewIntegration,
    WebhookStatus,
)
from webhook_gateway.model.work import SyncStatus


async def create_integration(call: Call, body: NewIntegration, request_id: str) -> Tagged[Integration]:
    """Connect a CRM account, which is read from the credential; both ways unless told."""
    if sum(bool(secret) for secret in (body.access_token, body.refresh_token, body.code)) != 1:
        raise invalid(Fault("accessToken", "exactly one of accessToken, refreshToken and code is needed"))
    if bool(body.code) != bool(body.redirect_uri):
        raise invalid(Fault("redirectUri", "code and redirectUri go together"))
    return await call.services.integrations.create(call.tenant, body, request_id)


async def update_integration(
    call: Call, integration_id: str, body: IntegrationChange, etag: str
) -> Tagged[ChangedIntegration]:
    """Change an integration, or renew its credential: what is absent stays.

    A mapping, rules, transforms or a policy are replaced whole. What decides about records is applied to those that are
    linked already by `applyRun`, a run like others.
    """
    if body.access_token and body.refresh_token:
        raise invalid(Fault("accessToken", "only one of accessToken and refreshToken is possible"))
    if body == IntegrationChange(access_token=body.access_token, refresh_token=body.refresh_token) and not (
        body.access_token or body.refresh_token
    ):
        raise invalid(Fault("body", "names at least one field"))
    return await call.services.integrations.update(call.tenant, integration_id, body, etag)


async def webhook_status(call: Call, integration_id: str) -> WebhookStatus:
    """Get what the CRM is told to send, and what has come in."""
    state, status = await asyncio.gather(
        call.services.integrations.webhook_state(call.tenant, integration_id),
        call.services.sync.status_or_zero(call.tenant, integration_id),
    )
    return WebhookStatus(
        **msgspec.structs.asdict(state),
        last_received_at=status.last_received_at,
        total_received=status.total_received,
        success_rate=status.success_rate,
    )


async def check_integration(call: Call, integration_id: str) -> CheckUp:
    """Check everything that a sync needs, and say what is wrong and what to do."""
    found, status, integration = await asyncio.gather(
        call.services.integrations.check(call.tenant, integration_id),
        call.services.sync.status_or_zero(call.tenant, integration_id),
        call.services.integrations.get_integration(call.tenant, integration_id),
    )
    provider = call.services.door.provider(integration.value.provider)
    mine = [provider.check(integration.value.app_id or ""), _deliveries(status)]
    known = {check.name for check in found}
    checks = [*found, *(check for check in mine if check.name not in known)]
    return CheckUp(checks, ok=all(check.state != "failed" for check in checks))


def _deliveries(status: SyncStatus) -> Check:
    if status.last_received_at is None:
        fix = "Change a record in the CRM; if nothing arrives, compare the address that the CRM calls with `url`."
        return Check("deliveries", "warning", "No webhook has arrived yet.", fix)
    at = f"{status.last_received_at:%Y-%m-%d %H:%M:%S} UTC"
    return Check("deliveries", "ok", f"{status.total_received} events have arrived, the last one at {at}.")
