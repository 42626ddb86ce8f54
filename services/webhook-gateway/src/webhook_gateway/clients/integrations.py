"""crm-connector's integrations, their webhooks and their health."""

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from leadsync.integration.v1 import integration_pb2
from leadsync.integration.v1 import integration_service_pb2 as pb
from leadsync.integration.v1.integration_service_pb2_grpc import IntegrationServiceStub
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import sync_pb2
from msgspec import UNSET

from webhook_gateway.clients.calls import Client
from webhook_gateway.clients.mapping import filled, number, plain
from webhook_gateway.clients.names import inner_field, outer_field
from webhook_gateway.model.basics import Paging, Tagged
from webhook_gateway.model.integrations import (
    Check,
    CrmFields,
    Deletions,
    FieldRule,
    Integration,
    IntegrationChange,
    IntegrationPage,
    NewIntegration,
    Policies,
    WebhookState,
)

# What can be changed, and its path in the contract.
_PATHS = {
    "direction": "direction",
    "field_mapping": "field_mapping",
    "field_rules": "field_rules",
    "policies": "deletions",
    "paused": "paused",
}


class IntegrationClient(Client):
    """Connects and configures CRM accounts of one tenant per call. Every method raises RemoteError."""

    service = "connector"
    seconds = 30.0  # a CRM is called meanwhile

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = IntegrationServiceStub(channel)

    async def create(self, tenant: str, new: NewIntegration, request_id: str) -> Tagged[Integration]:
        """Connect an account, both ways unless told."""
        message = _message(new)
        message.direction = message.direction or lead_pb2.DIRECTION_BIDIRECTIONAL
        request = pb.CreateIntegrationRequest(
            tenant_id=tenant,
            request_id=request_id,
            provider=new.provider,
            account_id=_text(new.portal_id),
            app_id=_text(new.app_id),
            integration=message,
        )
        if new.access_token:
            request.access_token = new.access_token
        if new.refresh_token:
            request.refresh_token = new.refresh_token
        if new.code and new.redirect_uri:
            request.authorization_code.code = new.code
            request.authorization_code.redirect_uri = new.redirect_uri
        return _tagged((await self.call(self._stub.CreateIntegration, request)).integration)

    async def get_integration(self, tenant: str, integration_id: str) -> Tagged[Integration]:
        """Get an integration."""
        request = pb.GetIntegrationRequest(tenant_id=tenant, integration_id=integration_id)
        return _tagged((await self.call(self._stub.GetIntegration, request)).integration)

    async def list_integrations(self, tenant: str, query: Paging) -> IntegrationPage:
        """List integrations, oldest first."""
        request = filled(pb.ListIntegrationsRequest(tenant_id=tenant), query)
        answer = await self.call(self._stub.ListIntegrations, request)
        return IntegrationPage([_plain(item) for item in answer.integrations], answer.next_page_token or None)

    async def update(
        self, tenant: str, integration_id: str, change: IntegrationChange, etag: str
    ) -> Tagged[Integration]:
        """Change the settings that are given, and the credential if there is one."""
        request = pb.UpdateIntegrationRequest(
            tenant_id=tenant,
            integration_id=integration_id,
            integration=_message(change),
            update_mask=FieldMask(paths=[path for name, path in _PATHS.items() if getattr(change, name) is not UNSET]),
            etag=etag,
            access_token=change.access_token or "",
            refresh_token=change.refresh_token or "",
        )
        return _tagged((await self.call(self._stub.UpdateIntegration, request)).integration)

    async def delete_integration(self, tenant: str, integration_id: str) -> None:
        """Disconnect a CRM account; leads and records stay."""
        request = pb.DeleteIntegrationRequest(tenant_id=tenant, integration_id=integration_id)
        await self.call(self._stub.DeleteIntegration, request)

    async def enable_webhooks(self, tenant: str, integration_id: str) -> WebhookState:
        """Make webhooks count."""
        request = pb.EnableWebhooksRequest(tenant_id=tenant, integration_id=integration_id)
        return _state((await self.call(self._stub.EnableWebhooks, request)).webhooks)

    async def disable_webhooks(self, tenant: str, integration_id: str) -> WebhookState:
        """Make webhooks ignored."""
        request = pb.DisableWebhooksRequest(tenant_id=tenant, integration_id=integration_id)
        return _state((await self.call(self._stub.DisableWebhooks, request)).webhooks)

    async def webhook_state(self, tenant: str, integration_id: str) -> WebhookState:
        """Get the state of the webhooks; the CRM may be asked."""
        request = pb.GetWebhookStatusRequest(tenant_id=tenant, integration_id=integration_id)
        return _state((await self.call(self._stub.GetWebhookStatus, request)).webhooks)

    async def check(self, tenant: str, integration_id: str) -> list[Check]:
        """Check everything that crm-connector can see; the CRM is asked."""
        request = pb.CheckIntegrationRequest(tenant_id=tenant, integration_id=integration_id)
        answer = await self.call(self._stub.CheckIntegration, request)
        return [plain(item, Check) for item in answer.checks]

    async def list_fields(self, tenant: str, integration_id: str) -> CrmFields:
        """List the CRM's properties that a lead field may be mapped to."""
        request = pb.ListCrmFieldsRequest(tenant_id=tenant, integration_id=integration_id)
        return plain(await self.call(self._stub.ListCrmFields, request), CrmFields)


def _text(value: str | int | None) -> str:
    return "" if value is None else str(value)


def _message(change: IntegrationChange) -> integration_pb2.Integration:
    rules = [
        sync_pb2.FieldRule(
            field=inner_field(name),
            rule=number(sync_pb2.MergeRule, rule.rule),
            blank=number(sync_pb2.BlankRule, rule.blank),
        )
        for name, rule in (change.field_rules or {}).items()
    ]
    message = integration_pb2.Integration(
        direction=number(lead_pb2.Direction, change.direction),
        field_mapping={inner_field(name): value for name, value in (change.field_mapping or {}).items()},
        field_rules=rules,
        paused=change.paused is True,
    )
    if change.policies is not UNSET:
        given = change.policies.deletions
        message.deletions.policy = number(sync_pb2.DeletePolicy, given.policy)
        message.deletions.grace_seconds = given.grace_seconds
        message.deletions.cap_number = given.cap_number
        message.deletions.cap_percent = given.cap_percent
    return message


def _tagged(item: integration_pb2.Integration) -> Tagged[Integration]:
    return Tagged(_plain(item), item.etag)


def _plain(item: integration_pb2.Integration) -> Integration:
    rules = {outer_field(rule.field): plain(rule, FieldRule) for rule in item.field_rules}
    policies = Policies(plain(item.deletions, Deletions))  # what is not set there is the default, as here
    return plain(item, Integration, field_rules=rules, policies=policies)


def _state(state: pb.WebhookState) -> WebhookState:
    active = next((item.subscription_id for item in state.subscriptions if item.active), None)
    return plain(state, WebhookState, subscription_id=active)
