"""The webhooks of an integration's app: turned on and off, and what they brought."""

import asyncio
from datetime import datetime
from typing import Literal

import grpc
import msgspec
from leadsync.integration.v1 import integration_service_pb2 as pb
from leadsync.integration.v1.integration_service_pb2_grpc import IntegrationServiceStub
from msgspec import Struct, field

from webhook_gateway.resources.integrations import ONE
from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.reasons import CONNECTOR, CRM, NO_INTEGRATION, STORE
from webhook_gateway.resources.sync_status import SyncStatuses
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.messages import plain


class Subscription(Struct, rename="camel"):
    """One subscription of a CRM app."""

    subscription_id: str = field(name="id")
    event: str
    property: str | None
    active: bool


class WebhookState(Struct, rename="camel"):
    """How an integration gets to know of changes: by webhooks of its app, by a stream, or by sweeps alone.

    `connected` and `positionAgeSeconds` are those of a stream; `expiresAt` is when the subscription ends if it is not
    renewed, which happens by itself.
    """

    enabled: bool
    mode: Literal["webhook", "stream", "sweep"]
    connected: bool | None
    position_age_seconds: int | None
    expires_at: datetime | None
    subscription_id: str | None
    subscriptions: list[Subscription]
    url: str
    events: list[str]
    managed: bool
    instructions: str | None


class WebhookStatus(WebhookState, rename="camel"):
    """How an integration gets to know of changes, and what has come in. `successRate` is in percent."""

    last_received_at: datetime | None
    total_received: int
    success_rate: float | None


class Subscriptions(Client):
    """Manages webhooks by crm-connector. Every operation raises ServiceProblem."""

    service = "connector"
    seconds = 30.0  # a CRM is called meanwhile

    def __init__(self, connector: grpc.aio.Channel, statuses: SyncStatuses) -> None:
        self._stub = IntegrationServiceStub(connector)
        self._statuses = statuses

    @operation("POST", f"{ONE}/enable-webhooks", NO_INTEGRATION, CONNECTOR, CRM)
    async def enable_webhooks(self, tenant: str, integration_id: str) -> WebhookState:
        """Make webhooks count."""
        request = pb.EnableWebhooksRequest(tenant_id=tenant, integration_id=integration_id)
        return _state((await self.call(self._stub.EnableWebhooks, request)).webhooks)

    @operation("POST", f"{ONE}/disable-webhooks", NO_INTEGRATION, CONNECTOR, CRM)
    async def disable_webhooks(self, tenant: str, integration_id: str) -> WebhookState:
        """Make webhooks ignored."""
        request = pb.DisableWebhooksRequest(tenant_id=tenant, integration_id=integration_id)
        return _state((await self.call(self._stub.DisableWebhooks, request)).webhooks)

    @operation("GET", f"{ONE}/webhook-status", NO_INTEGRATION, CONNECTOR, CRM, STORE)
    async def webhook_status(self, tenant: str, integration_id: str) -> WebhookStatus:
        """Get what the CRM is asked to send, and what has come in."""
        request = pb.GetWebhookStatusRequest(tenant_id=tenant, integration_id=integration_id)
        answer, status = await asyncio.gather(
            self.call(self._stub.GetWebhookStatus, request), self._statuses.counters_or_zero(tenant, integration_id)
        )
        return WebhookStatus(
            **msgspec.structs.asdict(_state(answer.webhooks)),
            last_received_at=status.last_received_at,
            total_received=status.total_received,
            success_rate=status.success_rate,
        )


def _state(state: pb.WebhookState) -> WebhookState:
    active = next((item.subscription_id for item in state.subscriptions if item.active), None)
    streams = state.mode == pb.EVENT_MODE_STREAM
    return plain(
        state,
        WebhookState,
        subscription_id=active,
        connected=state.connected if streams else None,
        position_age_seconds=state.position_age_seconds if streams else None,
    )
