"""`leadsync.integration.v1.IntegrationService`: translates, and calls the use cases."""
# ruff: noqa: N802 - the contract's names

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from grpc import ServicerContext as Context
from leadsync.integration.v1 import integration_service_pb2 as pb
from leadsync.integration.v1 import integration_service_pb2_grpc as pb_grpc

from crm_connector.domain.errors import InvalidError
from crm_connector.domain.run import RunKind
from crm_connector.rpc import integration_mapping, mapping
from crm_connector.usecases.doctor import Doctor
from crm_connector.usecases.integrations import Integrations
from crm_connector.usecases.loops import Loops
from crm_connector.usecases.runs import Runs
from crm_connector.usecases.webhooks import Webhooks


class IntegrationServicer(pb_grpc.IntegrationServiceServicer):
    """Serves integrations; errors are turned into statuses by the interceptor."""

    def __init__(
        self,
        integrations: Integrations,
        webhooks: Webhooks,
        runs: Runs,
        doctor: Doctor,
        loops: Loops,
        now: Callable[[], datetime],
    ) -> None:
        self._integrations = integrations
        self._webhooks = webhooks
        self._runs = runs
        self._doctor = doctor
        self._loops = loops
        self._now = now

    def CreateIntegration(
        self, request: pb.CreateIntegrationRequest, _context: Context
    ) -> pb.CreateIntegrationResponse:
        """Connect a CRM account."""
        created = self._integrations.create(integration_mapping.new_integration(request))
        return pb.CreateIntegrationResponse(integration=integration_mapping.integration(created))

    def GetIntegration(self, request: pb.GetIntegrationRequest, _context: Context) -> pb.GetIntegrationResponse:
        """Get an integration."""
        return pb.GetIntegrationResponse(
            integration=integration_mapping.integration(self._integrations.get(*_key(request)))
        )

    def ListIntegrations(self, request: pb.ListIntegrationsRequest, _context: Context) -> pb.ListIntegrationsResponse:
        """List a tenant's integrations."""
        size = mapping.page_size(request.page_size)
        tenant_id = mapping.identifier(request.tenant_id, "tenant_id")
        found = self._integrations.page(tenant_id, mapping.page_start(request.page_token), size + 1)
        token = mapping.page_token(found[size - 1].integration_id) if len(found) > size else ""
        page = [integration_mapping.integration(each) for each in found[:size]]
        return pb.ListIntegrationsResponse(integrations=page, next_page_token=token)

    def UpdateIntegration(
        self, request: pb.UpdateIntegrationRequest, _context: Context
    ) -> pb.UpdateIntegrationResponse:
        """Change an integration."""
        changed, run = self._integrations.update(*_key(request), integration_mapping.changes(request), request.etag)
        applied = mapping.run(run, self._now()) if run else None
        return pb.UpdateIntegrationResponse(integration=integration_mapping.integration(changed), run=applied)

    def DeleteIntegration(
        self, request: pb.DeleteIntegrationRequest, _context: Context
    ) -> pb.DeleteIntegrationResponse:
        """Disconnect a CRM account."""
        self._integrations.delete(*_key(request))
        return pb.DeleteIntegrationResponse()

    def EnableWebhooks(self, request: pb.EnableWebhooksRequest, _context: Context) -> pb.EnableWebhooksResponse:
        """Make deliveries count."""
        return pb.EnableWebhooksResponse(webhooks=mapping.webhook_state(self._webhooks.enable(*_key(request))))

    def DisableWebhooks(self, request: pb.DisableWebhooksRequest, _context: Context) -> pb.DisableWebhooksResponse:
        """Make deliveries not count."""
        return pb.DisableWebhooksResponse(webhooks=mapping.webhook_state(self._webhooks.disable(*_key(request))))

    def GetWebhookStatus(self, request: pb.GetWebhookStatusRequest, _context: Context) -> pb.GetWebhookStatusResponse:
        """Show the app's webhooks."""
        return pb.GetWebhookStatusResponse(webhooks=mapping.webhook_state(self._webhooks.status(*_key(request))))

    def StartImport(self, request: pb.StartImportRequest, _context: Context) -> pb.StartImportResponse:
        """Start an import."""
        request_id, key, proposed = mapping.request_id(request.request_id), _key(request), None
        if request.HasField("proposed"):
            if not request.dry_run:
                raise mapping.invalid("proposed", "Settings can be tried out in a dry run only.")
            changes = integration_mapping.proposed(request.proposed, request.proposed_mask.paths)
            try:
                proposed = self._integrations.as_proposed(*key, changes)
            except InvalidError as error:
                raise error.within("proposed") from error
        started = self._runs.start(*key, RunKind.IMPORT, request_id, dry_run=request.dry_run, proposed=proposed)
        return pb.StartImportResponse(run=mapping.run(started, self._now()))

    def StartPush(self, request: pb.StartPushRequest, _context: Context) -> pb.StartPushResponse:
        """Start a push."""
        request_id, lead_ids = mapping.request_id(request.request_id), mapping.lead_ids(request.lead_ids)
        started = self._runs.start(*_key(request), RunKind.PUSH, request_id, lead_ids, dry_run=request.dry_run)
        return pb.StartPushResponse(run=mapping.run(started, self._now()))

    def GetRun(self, request: pb.GetRunRequest, _context: Context) -> pb.GetRunResponse:
        """Get a run."""
        found = self._runs.get(*_run_key(request))
        run = mapping.run(found, self._now())
        if found.proposed is not None:
            run.proposed.CopyFrom(integration_mapping.integration(found.proposed))
        return pb.GetRunResponse(run=run)

    def ListRuns(self, request: pb.ListRunsRequest, _context: Context) -> pb.ListRunsResponse:
        """List a tenant's runs."""
        size, before = mapping.page_size(request.page_size), mapping.page_start(request.page_token)
        tenant_id, kind = mapping.identifier(request.tenant_id, "tenant_id"), mapping.run_kind(request.kind)
        found = self._runs.page(tenant_id, request.integration_id, kind, before, size + 1)
        token = mapping.page_token(found[size - 1].run_id) if len(found) > size else ""
        runs = [mapping.run(each, self._now()) for each in found[:size]]
        return pb.ListRunsResponse(runs=runs, next_page_token=token)

    def ListPlannedRecords(
        self, request: pb.ListPlannedRecordsRequest, _context: Context
    ) -> pb.ListPlannedRecordsResponse:
        """List what a dry run found."""
        size, after = mapping.page_size(request.page_size), mapping.page_start(request.page_token)
        outcome = mapping.bounded(request.outcome, "outcome", 32)
        found = self._runs.planned(*_run_key(request), outcome, after, size + 1)
        token = mapping.page_token(found[size - 1].key) if len(found) > size else ""
        records = [mapping.planned_record(each) for each in found[:size]]
        return pb.ListPlannedRecordsResponse(records=records, next_page_token=token)

    def CancelRun(self, request: pb.CancelRunRequest, _context: Context) -> pb.CancelRunResponse:
        """Cancel a run."""
        return pb.CancelRunResponse(run=mapping.run(self._runs.cancel(*_run_key(request)), self._now()))

    def CheckIntegration(self, request: pb.CheckIntegrationRequest, _context: Context) -> pb.CheckIntegrationResponse:
        """Check an integration."""
        checks = self._doctor.check(*_key(request))
        return pb.CheckIntegrationResponse(checks=[mapping.check(each) for each in checks])

    def ListLoops(self, request: pb.ListLoopsRequest, _context: Context) -> pb.ListLoopsResponse:
        """List how the standing loops of an integration fare."""
        found = self._integrations.get(*_key(request))
        return pb.ListLoopsResponse(loops=map(mapping.loop_state, self._loops.of(found.integration_id)))

    def ListCrmFields(self, request: pb.ListCrmFieldsRequest, _context: Context) -> pb.ListCrmFieldsResponse:
        """List the CRM's properties."""
        fields = self._integrations.fields(*_key(request))
        return pb.ListCrmFieldsResponse(fields=[mapping.crm_field(*each) for each in fields])


class _Keyed(Protocol):
    """A request about one integration."""

    tenant_id: str
    integration_id: str


def _key(request: _Keyed) -> tuple[str, str]:
    """Tenant and integration, both required."""
    tenant_id = mapping.identifier(request.tenant_id, "tenant_id")
    return tenant_id, mapping.identifier(request.integration_id, "integration_id")


def _run_key(request: pb.GetRunRequest | pb.CancelRunRequest | pb.ListPlannedRecordsRequest) -> tuple[str, str]:
    """Tenant and run, both required."""
    return mapping.identifier(request.tenant_id, "tenant_id"), mapping.identifier(request.run_id, "run_id")
