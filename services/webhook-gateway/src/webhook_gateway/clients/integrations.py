"""crm-connector's integrations and their webhooks."""

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from leadsync.integration.v1 import integration_pb2 as pb
from leadsync.integration.v1 import integration_service_pb2 as service_pb
from leadsync.integration.v1.integration_service_pb2_grpc import IntegrationServiceStub
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import sync_pb2

from webhook_gateway.clients.calls import SLOW_SECONDS, call
from webhook_gateway.clients.words import (
    BLANK_WORDS,
    BLANKS,
    CREDENTIAL_WORDS,
    DIRECTION_WORDS,
    DIRECTIONS,
    RULE_WORDS,
    RULES,
    time_of,
)
from webhook_gateway.model import (
    FieldRule,
    Integration,
    IntegrationSettings,
    NewIntegration,
    Page,
    PageQuery,
    Subscription,
    Tagged,
    WebhookState,
)

_SERVICE = "connector"


class IntegrationClient:
    """Connects and configures CRM accounts of one tenant per call. Every method raises RemoteError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = IntegrationServiceStub(channel)

    async def create(self, tenant: str, new: NewIntegration, *, request_id: str) -> Tagged[Integration]:
        """Connect an account."""
        request = service_pb.CreateIntegrationRequest(
            tenant_id=tenant,
            request_id=request_id,
            provider=new.provider,
            account_id=new.account_id,
            app_id=new.app_id,
            integration=_message(new.settings),
        )
        if new.access_token:
            request.access_token = new.access_token
        elif new.refresh_token:
            request.refresh_token = new.refresh_token
        elif new.code:
            request.authorization_code.code = new.code
            request.authorization_code.redirect_uri = new.redirect_uri
        answer = await call(self._stub.CreateIntegration, request, service=_SERVICE, seconds=SLOW_SECONDS)
        return _tagged(answer.integration)

    async def get(self, tenant: str, integration_id: str) -> Tagged[Integration]:
        """Get an integration."""
        request = service_pb.GetIntegrationRequest(tenant_id=tenant, integration_id=integration_id)
        return _tagged((await call(self._stub.GetIntegration, request, service=_SERVICE)).integration)

    async def list(self, tenant: str, page: PageQuery) -> Page[Integration]:
        """List integrations, oldest first."""
        request = service_pb.ListIntegrationsRequest(tenant_id=tenant, page_size=page.size, page_token=page.token)
        answer = await call(self._stub.ListIntegrations, request, service=_SERVICE)
        return Page([_tagged(item).value for item in answer.integrations], answer.next_page_token or None)

    async def update(
        self,
        tenant: str,
        integration_id: str,
        settings: IntegrationSettings,
        *,
        etag: str,
        access_token: str = "",
        refresh_token: str = "",
    ) -> Tagged[Integration]:
        """Change the settings that are not None, and the credential if one is given."""
        masked = ("direction", "field_mapping", "field_rules", "paused")
        request = service_pb.UpdateIntegrationRequest(
            tenant_id=tenant,
            integration_id=integration_id,
            integration=_message(settings),
            update_mask=FieldMask(paths=[name for name in masked if getattr(settings, name) is not None]),
            etag=etag,
            access_token=access_token,
            refresh_token=refresh_token,
        )
        answer = await call(self._stub.UpdateIntegration, request, service=_SERVICE, seconds=SLOW_SECONDS)
        return _tagged(answer.integration)

    async def delete(self, tenant: str, integration_id: str) -> None:
        """Disconnect an account; leads and records stay."""
        request = service_pb.DeleteIntegrationRequest(tenant_id=tenant, integration_id=integration_id)
        await call(self._stub.DeleteIntegration, request, service=_SERVICE, seconds=SLOW_SECONDS)

    async def enable_webhooks(self, tenant: str, integration_id: str) -> WebhookState:
        """Make deliveries count."""
        request = service_pb.EnableWebhooksRequest(tenant_id=tenant, integration_id=integration_id)
        return _state((await call(self._stub.EnableWebhooks, request, service=_SERVICE, seconds=SLOW_SECONDS)).webhooks)

    async def disable_webhooks(self, tenant: str, integration_id: str) -> WebhookState:
        """Make deliveries ignored."""
        request = service_pb.DisableWebhooksRequest(tenant_id=tenant, integration_id=integration_id)
        answer = await call(self._stub.DisableWebhooks, request, service=_SERVICE, seconds=SLOW_SECONDS)
        return _state(answer.webhooks)

    async def webhook_state(self, tenant: str, integration_id: str) -> WebhookState:
        """Get the state of the webhooks; the CRM may be asked."""
        request = service_pb.GetWebhookStatusRequest(tenant_id=tenant, integration_id=integration_id)
        answer = await call(self._stub.GetWebhookStatus, request, service=_SERVICE, seconds=SLOW_SECONDS)
        return _state(answer.webhooks)


def _message(settings: IntegrationSettings) -> pb.Integration:
    rules = [
        sync_pb2.FieldRule(field=name, rule=RULES[rule.rule], blank=BLANKS[rule.blank])
        for name, rule in (settings.field_rules or {}).items()
    ]
    return pb.Integration(
        direction=DIRECTIONS[settings.direction] if settings.direction else lead_pb2.DIRECTION_UNSPECIFIED,
        field_mapping=settings.field_mapping or {},
        field_rules=rules,
        paused=bool(settings.paused),
    )


def _tagged(item: pb.Integration) -> Tagged[Integration]:
    value = Integration(
        id=item.integration_id,
        provider=item.provider,
        portal_id=item.account_id,
        app_id=item.app_id or None,
        credential=CREDENTIAL_WORDS.get(item.credential_kind),
        direction=DIRECTION_WORDS.get(item.direction, "unknown"),
        field_mapping=dict(sorted(item.field_mapping.items())),
        field_rules={r.field: FieldRule(RULE_WORDS[r.rule], BLANK_WORDS[r.blank]) for r in item.field_rules},
        paused=item.paused,
        webhooks_enabled=item.webhooks_enabled,
        created_at=time_of(item, "created_at"),
    )
    return Tagged(value, item.etag)


def _state(state: service_pb.WebhookState) -> WebhookState:
    active = next((item.subscription_id for item in state.subscriptions if item.active), None)
    return WebhookState(
        enabled=state.enabled,
        subscription_id=active,
        subscriptions=[
            Subscription(item.subscription_id, item.event, item.property or None, item.active)
            for item in state.subscriptions
        ],
        url=state.url,
        events=list(state.events),
        managed=state.managed,
        instructions=state.instructions or None,
    )
