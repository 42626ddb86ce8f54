# ruff: noqa: N802  the contracts name the methods
"""A double of crm-connector's IntegrationService."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2  # type: ignore[import-untyped, unused-ignore]
from integration.gateway.doubles.status import Context, fail
from leadsync.integration.v1 import integration_pb2
from leadsync.integration.v1 import integration_service_pb2 as pb
from leadsync.integration.v1.integration_service_pb2_grpc import (
    IntegrationServiceServicer,
    add_IntegrationServiceServicer_to_server,
)
from leadsync.sync.v1 import loop_pb2


class FakeConnector(IntegrationServiceServicer):
    """Integrations of all tenants in a dict."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], integration_pb2.Integration] = {}
        self.created: list[pb.CreateIntegrationRequest] = []
        self.updated: list[pb.UpdateIntegrationRequest] = []
        self.runs: dict[str, integration_pb2.Run] = {}
        self.imports: list[pb.StartImportRequest] = []
        self.pushes: list[pb.StartPushRequest] = []
        self.loops: list[loop_pb2.LoopState] = []
        self.mode = pb.EVENT_MODE_WEBHOOK
        self.expires_at: Timestamp | None = None
        self.checks = [integration_pb2.Check(name="token", state=integration_pb2.CHECK_STATE_OK, finding="It works.")]

    async def _get(self, context: Context, request: Any) -> integration_pb2.Integration:
        item = self.items.get((request.tenant_id, request.integration_id))
        if item is None:
            await fail(context, code_pb2.NOT_FOUND, "integration_not_found", "the tenant has no such integration")
        return item

    async def CreateIntegration(
        self, request: pb.CreateIntegrationRequest, context: Context
    ) -> pb.CreateIntegrationResponse:
        """Connect."""
        self.created.append(request)
        if request.account_id == "1":
            await fail(context, code_pb2.ALREADY_EXISTS, "account_connected", "the account is connected already")
        item = request.integration
        item.integration_id = str(uuid.uuid4())
        item.provider = request.provider
        item.account_id = request.account_id or "48975575"
        item.app_id = request.app_id
        item.credential_kind = integration_pb2.CREDENTIAL_KIND_ACCESS_TOKEN
        item.etag = "1"
        self.items[request.tenant_id, item.integration_id] = item
        return pb.CreateIntegrationResponse(integration=item)

    async def GetIntegration(self, request: Any, context: Context) -> Any:
        """Get."""
        return pb.GetIntegrationResponse(integration=await self._get(context, request))

    async def ListIntegrations(self, request: Any, context: Context) -> Any:
        """List."""
        del context
        mine = [item for (tenant, _), item in self.items.items() if tenant == request.tenant_id]
        return pb.ListIntegrationsResponse(integrations=mine)

    async def UpdateIntegration(self, request: Any, context: Context) -> Any:
        """Set the masked fields."""
        item = await self._get(context, request)
        if request.etag and request.etag != item.etag:
            await fail(context, code_pb2.ABORTED, "stale_etag", "the integration has moved on")
        self.updated.append(request)
        if request.integration.policy.deletions.cap_percent == 13:
            field = "integration.policy.deletions.cap_percent"
            await fail(context, code_pb2.INVALID_ARGUMENT, "invalid_field", "this share is unlucky", field)
        for path in request.update_mask.paths:
            parent, _, name = path.rpartition(".")
            (item.policy if parent else item).ClearField(name)
        request.update_mask.MergeMessage(request.integration, item, True, True)
        item.etag = str(int(item.etag) + 1)
        applies = {"paused", "policy.deletions"}.isdisjoint(request.update_mask.paths)
        run = integration_pb2.Run(run_id="run-1", kind=integration_pb2.RUN_KIND_APPLY) if applies else None
        return pb.UpdateIntegrationResponse(integration=item, run=run)

    async def DeleteIntegration(self, request: Any, context: Context) -> Any:
        """Disconnect."""
        await self._get(context, request)
        del self.items[request.tenant_id, request.integration_id]
        return pb.DeleteIntegrationResponse()

    async def EnableWebhooks(self, request: Any, context: Context) -> Any:
        """Enable."""
        (await self._get(context, request)).webhooks_enabled = True
        return pb.EnableWebhooksResponse(webhooks=await self._webhooks(request, context))

    async def DisableWebhooks(self, request: Any, context: Context) -> Any:
        """Disable."""
        (await self._get(context, request)).webhooks_enabled = False
        return pb.DisableWebhooksResponse(webhooks=await self._webhooks(request, context))

    async def GetWebhookStatus(self, request: Any, context: Context) -> Any:
        """Get the state."""
        return pb.GetWebhookStatusResponse(webhooks=await self._webhooks(request, context))

    def _start(
        self, request: pb.StartImportRequest | pb.StartPushRequest, kind: integration_pb2.RunKind.ValueType
    ) -> integration_pb2.Run:
        run = integration_pb2.Run(
            run_id=f"run-{len(self.runs) + 1}",
            integration_id=request.integration_id,
            kind=kind,
            state=integration_pb2.RUN_STATE_RUNNING,
            dry_run=request.dry_run,
        )
        run.created_at.FromMilliseconds(1_782_371_970_000)
        self.runs[run.run_id] = run
        return run

    async def StartImport(self, request: pb.StartImportRequest, context: Context) -> pb.StartImportResponse:
        """Start; one at a time."""
        if any(run.integration_id == request.integration_id for run in self.runs.values()):
            await fail(context, code_pb2.FAILED_PRECONDITION, "run_in_progress", "an import is running")
        self.imports.append(request)
        return pb.StartImportResponse(run=self._start(request, integration_pb2.RUN_KIND_IMPORT))

    async def StartPush(self, request: pb.StartPushRequest, context: Context) -> pb.StartPushResponse:
        """Start."""
        del context
        self.pushes.append(request)
        return pb.StartPushResponse(run=self._start(request, integration_pb2.RUN_KIND_PUSH))

    async def _run(self, request: Any, context: Context) -> integration_pb2.Run:
        if request.run_id not in self.runs or request.tenant_id != "acme":
            await fail(context, code_pb2.NOT_FOUND, "run_not_found", "the tenant has no such run")
        return self.runs[request.run_id]

    async def GetRun(self, request: Any, context: Context) -> Any:
        """Get."""
        return pb.GetRunResponse(run=await self._run(request, context))

    async def ListLoops(self, request: Any, context: Context) -> Any:
        """List what is in `loops`."""
        del context, request
        return pb.ListLoopsResponse(loops=self.loops)

    async def ListRuns(self, request: Any, context: Context) -> Any:
        """List those of a kind."""
        del context
        found = [run for run in self.runs.values() if request.kind in {0, run.kind}]
        return pb.ListRunsResponse(runs=found)

    async def ListPlannedRecords(self, request: Any, context: Context) -> Any:
        """List one record; only dry runs have a plan."""
        if not (await self._run(request, context)).dry_run:
            await fail(context, code_pb2.FAILED_PRECONDITION, "not_a_dry_run", "only a dry run has a plan")
        record = integration_pb2.PlannedRecord(
            record_id="7",
            outcome=request.outcome or "skipped",
            lead_fields=["first_name", "custom_fields.a_b"],
            conflict_fields=["phone"],
        )
        return pb.ListPlannedRecordsResponse(records=[record], next_page_token="more")

    async def CancelRun(self, request: Any, context: Context) -> Any:
        """Cancel."""
        run = await self._run(request, context)
        run.state = integration_pb2.RUN_STATE_CANCELLED
        return pb.CancelRunResponse(run=run)

    async def CheckIntegration(self, request: Any, context: Context) -> Any:
        """Find what `checks` says."""
        await self._get(context, request)
        return pb.CheckIntegrationResponse(checks=self.checks)

    async def ListCrmFields(self, request: Any, context: Context) -> Any:
        """List two properties."""
        await self._get(context, request)
        option = integration_pb2.CrmFieldOption(value="OPEN", label="Open")
        fields = [
            integration_pb2.CrmField(
                property="firstname", object="contact", label="First", type="string", mapped_to="first_name"
            ),
            integration_pb2.CrmField(property="hs_x", label="X", type="enumeration", read_only=True, options=[option]),
        ]
        return pb.ListCrmFieldsResponse(fields=fields)

    async def _webhooks(self, request: Any, context: Context) -> pb.WebhookState:
        item = await self._get(context, request)
        subscriptions = [
            pb.Subscription(subscription_id="7", event="contact.creation", active=False),
            pb.Subscription(subscription_id="8", event="contact.propertyChange", property="email", active=True),
        ]
        return pb.WebhookState(
            enabled=item.webhooks_enabled,
            url="https://sync.example.com/api/v1/webhooks/hubspot",
            subscriptions=subscriptions,
            managed=True,
            events=["contact.creation", "contact.propertyChange"],
            mode=self.mode,
            connected=True,
            position_age_seconds=7,
            expires_at=self.expires_at,
        )


@asynccontextmanager
async def serve_connector(connector: FakeConnector) -> AsyncIterator[int]:
    """Serve a crm-connector double until the block ends; yields its port."""
    server = grpc.aio.server()
    add_IntegrationServiceServicer_to_server(connector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)
