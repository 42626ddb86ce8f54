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
from webhook_gateway.clients.mapping import T, filled, number, plain, word
from webhook_gateway.clients.names import inner_field, outer_field
from webhook_gateway.model.basics import Paging, Tagged
from webhook_gateway.model.integrations import (
    ApplyRun,
    ChangedIntegration,
    Check,
    CrmFields,
    Deletions,
    FieldRule,
    Integration,
    IntegrationChange,
    IntegrationPage,
    Matching,
    NewIntegration,
    Policies,
    Proposal,
    Transform,
    WebhookState,
)

# What can be changed besides policies, by the same name in the contract.
_PATHS = ("direction", "field_mapping", "field_rules", "field_transforms", "paused")


class IntegrationClient(Client):
    """Connects and configures CRM accounts of one tenant per call. Every method raises RemoteError."""

    service = "connector"
    seconds = 30.0  # a CRM is called meanwhile

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = IntegrationServiceStub(channel)

    async def create(self, tenant: str, new: NewIntegration, request_id: str) -> Tagged[Integration]:
        """Connect an account, both ways unless told."""
        message = settings_of(new)
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
        return IntegrationPage(
            [_plain(item, Integration) for item in answer.integrations], answer.next_page_token or None
        )

    async def update(
        self, tenant: str, integration_id: str, change: IntegrationChange, etag: str
    ) -> Tagged[ChangedIntegration]:
        """Change the settings that are given, and the credential if there is one."""
        request = pb.UpdateIntegrationRequest(
            tenant_id=tenant,
            integration_id=integration_id,
            integration=settings_of(change),
            update_mask=FieldMask(paths=paths_of(change)),
            etag=etag,
            access_token=change.access_token or "",
            refresh_token=change.refresh_token or "",
        )
        answer = await self.call(self._stub.UpdateIntegration, request)
        run = ApplyRun(answer.run.run_id) if answer.HasField("run") else None
        return Tagged(_plain(answer.integration, ChangedIntegration, apply_run=run), answer.integration.etag)

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


def paths_of(change: Proposal) -> list[str]:
    """Name what is to be changed, as the contract does; an absent policy stays."""
    paths = [name for name in _PATHS if getattr(change, name, UNSET) is not UNSET]
    policies = change.policies or Policies()
    paths += ["deletions"] if policies.deletions is not UNSET else []
    return paths + (["match_keys", "phone_region"] if policies.matching is not UNSET else [])


def settings_of(change: Proposal) -> integration_pb2.Integration:
    """Write the settings that are given."""
    message = integration_pb2.Integration(
        direction=number(lead_pb2.Direction, change.direction),
        field_mapping={inner_field(name): value for name, value in (change.field_mapping or {}).items()},
        field_rules=[_rule(name, rule) for name, rule in (change.field_rules or {}).items()],
        field_transforms=[
            integration_pb2.FieldTransforms(field=inner_field(name), transforms=[_transform(step) for step in steps])
            for name, steps in (change.field_transforms or {}).items()
        ],
        paused=getattr(change, "paused", UNSET) is True,
    )
    policies = change.policies or Policies()
    if policies.deletions is not UNSET:
        message.deletions.CopyFrom(_deletions(policies.deletions))
    if policies.matching is not UNSET:
        message.match_keys.extend(number(sync_pb2.MatchKey, key) for key in policies.matching.keys)
        message.phone_region = policies.matching.phone_region
    return message


def _rule(name: str, rule: FieldRule) -> sync_pb2.FieldRule:
    return sync_pb2.FieldRule(
        field=inner_field(name),
        rule=number(sync_pb2.MergeRule, rule.rule),
        blank=number(sync_pb2.BlankRule, rule.blank),
        direction=number(lead_pb2.Direction, rule.direction),
    )


def _transform(step: Transform) -> integration_pb2.Transform:
    options = [integration_pb2.OptionPair(crm=crm, value=value) for crm, value in (step.options or {}).items()]
    kind = number(integration_pb2.TransformKind, step.kind)
    return integration_pb2.Transform(kind=kind, region=step.region or "", options=options)


def _deletions(given: Deletions) -> sync_pb2.Deletions:
    return sync_pb2.Deletions(
        policy=number(sync_pb2.DeletePolicy, given.policy),
        grace_seconds=given.grace_seconds,
        cap_number=given.cap_number,
        cap_percent=given.cap_percent,
        record_policy=number(sync_pb2.RecordPolicy, given.record_policy),
    )


def _tagged(item: integration_pb2.Integration) -> Tagged[Integration]:
    return Tagged(_plain(item, Integration), item.etag)


def _plain(item: integration_pb2.Integration, kind: type[T], **more: object) -> T:
    rules = {outer_field(rule.field): plain(rule, FieldRule) for rule in item.field_rules}
    transforms = {
        outer_field(taken.field): [_step(step) for step in taken.transforms] for taken in item.field_transforms
    }
    keys = [word(sync_pb2.MatchKey, key) for key in item.match_keys]
    matching = Matching(keys, item.phone_region) if keys else Matching(phone_region=item.phone_region)
    policies = Policies(plain(item.deletions, Deletions), matching)  # what is not set there is the default, as here
    return plain(item, kind, field_rules=rules, field_transforms=transforms, policies=policies, **more)


def _step(step: integration_pb2.Transform) -> Transform:
    options = {pair.crm: pair.value for pair in step.options}
    return plain(step, Transform, options=options or UNSET)


def _state(state: pb.WebhookState) -> WebhookState:
    active = next((item.subscription_id for item in state.subscriptions if item.active), None)
    return plain(state, WebhookState, subscription_id=active)
