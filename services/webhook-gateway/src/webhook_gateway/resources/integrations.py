"""Integrations: connected CRM accounts and their settings. Secrets go in and never come out."""

from datetime import datetime
from typing import Annotated

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from leadsync.integration.v1 import integration_pb2
from leadsync.integration.v1 import integration_service_pb2 as pb
from leadsync.integration.v1.integration_service_pb2_grpc import IntegrationServiceStub
from leadsync.lead.v1 import lead_pb2
from msgspec import UNSET, Meta, Struct, UnsetType, field

from webhook_gateway.problem import Fault, invalid
from webhook_gateway.resources.basics import Id, Paging, Tagged
from webhook_gateway.resources.integration_settings import Proposal, Steps, paths_of, settings_in, settings_of
from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.policy import EffectivePolicies, EffectiveRule
from webhook_gateway.resources.reasons import CONNECTOR, CRM, NO_INTEGRATION, PAGES, SETTINGS, STALE, Reasons
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.messages import T, filled, plain
from webhook_gateway.rpc.names import LeadField

INTEGRATIONS, ONE = "/api/v1/crm-integration", "/api/v1/crm-integration/{integration_id}"
CONNECTED: Reasons = {409: ("account_connected",)}
AccountId = Annotated[int, Meta(ge=0)] | Annotated[str, Meta(max_length=128)]


class IntegrationChange(Proposal, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What can be changed; what is absent stays. A mapping, rules, transforms or a policy are replaced whole."""

    paused: bool | UnsetType = UNSET
    access_token: str | None = None
    refresh_token: str | None = None

    def __repr__(self) -> str:
        """Show nothing: it may hold a secret."""
        return f"{type(self).__name__}()"


class NewIntegration(IntegrationChange, kw_only=True):
    """What connecting an account takes: exactly one of access token, refresh token, and code with its redirect."""

    provider: Id
    portal_id: AccountId | None = None
    app_id: AccountId | None = None
    code: str | None = None
    redirect_uri: str | None = None


class Integration(Struct, rename="camel"):
    """One connected CRM account, without its secrets."""

    integration_id: str = field(name="id")
    provider: str
    account_id: str = field(name="portalId")
    app_id: str | None
    credential_kind: str | None = field(name="credential")
    direction: str
    field_mapping: dict[LeadField, str]
    field_rules: dict[LeadField, EffectiveRule]
    field_transforms: dict[LeadField, Steps]
    policies: EffectivePolicies
    paused: bool
    webhooks_enabled: bool
    created_at: datetime | None


class ApplyRun(Struct, rename="camel"):
    """The run that applies changed settings to what is linked already."""

    run_id: str


class ChangedIntegration(Integration, rename="camel"):
    """An integration after a change; `applyRun` is null if nothing has to be applied to what is linked already."""

    apply_run: ApplyRun | None


class IntegrationPage(Struct, rename="camel"):
    """Integrations, oldest first."""

    integrations: list[Integration]
    next_page_token: str | None


class Integrations(Client):
    """Connects and configures CRM accounts of crm-connector. Every operation raises ServiceProblem."""

    service = "connector"
    seconds = 30.0  # a CRM is called meanwhile

    def __init__(self, connector: grpc.aio.Channel) -> None:
        self._stub = IntegrationServiceStub(connector)

    @operation("POST", INTEGRATIONS, SETTINGS, CONNECTED, CONNECTOR, CRM, status=201)
    async def create_integration(self, tenant: str, body: NewIntegration, request_id: str) -> Tagged[Integration]:
        """Connect a CRM account, which is read from the credential; both ways by default."""
        if sum(bool(secret) for secret in (body.access_token, body.refresh_token, body.code)) != 1:
            raise invalid(Fault("accessToken", "exactly one of accessToken, refreshToken and code is needed"))
        if bool(body.code) != bool(body.redirect_uri):
            raise invalid(Fault("redirectUri", "code and redirectUri go together"))
        settings = settings_of(body)
        settings.policy.direction = settings.policy.direction or lead_pb2.DIRECTION_BIDIRECTIONAL
        request = pb.CreateIntegrationRequest(
            tenant_id=tenant,
            request_id=request_id,
            provider=body.provider,
            account_id=_text(body.portal_id),
            app_id=_text(body.app_id),
            integration=settings,
        )
        if body.access_token:
            request.access_token = body.access_token
        if body.refresh_token:
            request.refresh_token = body.refresh_token
        if body.code and body.redirect_uri:
            request.authorization_code.code = body.code
            request.authorization_code.redirect_uri = body.redirect_uri
        return _tagged((await self.call(self._stub.CreateIntegration, request)).integration)

    @operation("GET", INTEGRATIONS, PAGES, CONNECTOR)
    async def list_integrations(self, tenant: str, query: Paging) -> IntegrationPage:
        """List integrations, oldest first."""
        request = filled(pb.ListIntegrationsRequest(tenant_id=tenant), query)
        answer = await self.call(self._stub.ListIntegrations, request)
        return IntegrationPage(
            [_plain(item, Integration) for item in answer.integrations], answer.next_page_token or None
        )

    @operation("GET", ONE, NO_INTEGRATION, CONNECTOR)
    async def get_integration(self, tenant: str, integration_id: str) -> Tagged[Integration]:
        """Get an integration."""
        request = pb.GetIntegrationRequest(tenant_id=tenant, integration_id=integration_id)
        return _tagged((await self.call(self._stub.GetIntegration, request)).integration)

    @operation("PATCH", ONE, SETTINGS, STALE, NO_INTEGRATION, CONNECTOR, CRM)
    async def update_integration(
        self, tenant: str, integration_id: str, body: IntegrationChange, etag: str
    ) -> Tagged[ChangedIntegration]:
        """Change an integration, or renew its credential: what is absent stays.

        A mapping, rules, transforms or a policy are replaced whole. What decides about records is applied to those that
        are linked already by `applyRun`, a run like others.
        """
        if body.access_token and body.refresh_token:
            raise invalid(Fault("accessToken", "only one of accessToken and refreshToken is possible"))
        if body == IntegrationChange(access_token=body.access_token, refresh_token=body.refresh_token) and not (
            body.access_token or body.refresh_token
        ):
            raise invalid(Fault("body", "names at least one field"))
        request = pb.UpdateIntegrationRequest(
            tenant_id=tenant,
            integration_id=integration_id,
            integration=settings_of(body),
            update_mask=FieldMask(paths=paths_of(body)),
            etag=etag,
            access_token=body.access_token or "",
            refresh_token=body.refresh_token or "",
        )
        answer = await self.call(self._stub.UpdateIntegration, request)
        run = ApplyRun(answer.run.run_id) if answer.HasField("run") else None
        return Tagged(_plain(answer.integration, ChangedIntegration, apply_run=run), answer.integration.etag)

    @operation("DELETE", ONE, NO_INTEGRATION, CONNECTOR, CRM, status=204)
    async def delete_integration(self, tenant: str, integration_id: str) -> None:
        """Disconnect a CRM account; leads and records stay."""
        request = pb.DeleteIntegrationRequest(tenant_id=tenant, integration_id=integration_id)
        await self.call(self._stub.DeleteIntegration, request)


def _text(value: str | int | None) -> str:
    return "" if value is None else str(value)


def _tagged(item: integration_pb2.Integration) -> Tagged[Integration]:
    return Tagged(_plain(item, Integration), item.etag)


def _plain(item: integration_pb2.Integration, kind: type[T], **more: object) -> T:
    return plain(item, kind, **settings_in(item), **more)
