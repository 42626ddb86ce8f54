"""`leadsync.integration.v1.IntegrationService`: translates, and calls the use cases."""

import grpc
from leadsync.integration.v1 import integration_service_pb2 as pb
from leadsync.integration.v1 import integration_service_pb2_grpc as pb_grpc

from crm_connector.rpc import mapping
from crm_connector.usecases.integrations import Integrations
from crm_connector.usecases.webhooks import Webhooks


class IntegrationServicer(pb_grpc.IntegrationServiceServicer):
    """Serves integrations; errors are turned into statuses by the interceptor."""

    def __init__(self, integrations: Integrations, webhooks: Webhooks) -> None:
        self._integrations = integrations
        self._webhooks = webhooks

    def CreateIntegration(  # noqa: N802 - the contract's name
        self, request: pb.CreateIntegrationRequest, _context: grpc.ServicerContext
    ) -> pb.CreateIntegrationResponse:
        """Connect a CRM account."""
        created = self._integrations.create(mapping.new_integration(request))
        return pb.CreateIntegrationResponse(integration=mapping.integration(created))

    def GetIntegration(  # noqa: N802
        self, request: pb.GetIntegrationRequest, _context: grpc.ServicerContext
    ) -> pb.GetIntegrationResponse:
        """Get an integration."""
        return pb.GetIntegrationResponse(integration=mapping.integration(self._integrations.get(*_key(request))))

    def ListIntegrations(  # noqa: N802
        self, request: pb.ListIntegrationsRequest, _context: grpc.ServicerContext
    ) -> pb.ListIntegrationsResponse:
        """List a tenant's integrations."""
        size = mapping.page_size(request.page_size)
        tenant_id = mapping.identifier(request.tenant_id, "tenant_id")
        found = self._integrations.page(tenant_id, mapping.page_start(request.page_token), size + 1)
        token = mapping.page_token(found[size - 1].integration_id) if len(found) > size else ""
        page = [mapping.integration(each) for each in found[:size]]
        return pb.ListIntegrationsResponse(integrations=page, next_page_token=token)

    def UpdateIntegration(  # noqa: N802
        self, request: pb.UpdateIntegrationRequest, _context: grpc.ServicerContext
    ) -> pb.UpdateIntegrationResponse:
        """Change an integration."""
        changed = self._integrations.update(*_key(request), mapping.changes(request), request.etag)
        return pb.UpdateIntegrationResponse(integration=mapping.integration(changed))

    def DeleteIntegration(  # noqa: N802
        self, request: pb.DeleteIntegrationRequest, _context: grpc.ServicerContext
    ) -> pb.DeleteIntegrationResponse:
        """Disconnect a CRM account."""
        self._integrations.delete(*_key(request))
        return pb.DeleteIntegrationResponse()

    def EnableWebhooks(  # noqa: N802
        self, request: pb.EnableWebhooksRequest, _context: grpc.ServicerContext
    ) -> pb.EnableWebhooksResponse:
        """Make deliveries count."""
        return pb.EnableWebhooksResponse(webhooks=mapping.webhook_state(self._webhooks.enable(*_key(request))))

    def DisableWebhooks(  # noqa: N802
        self, request: pb.DisableWebhooksRequest, _context: grpc.ServicerContext
    ) -> pb.DisableWebhooksResponse:
        """Make deliveries not count."""
        return pb.DisableWebhooksResponse(webhooks=mapping.webhook_state(self._webhooks.disable(*_key(request))))

    def GetWebhookStatus(  # noqa: N802
        self, request: pb.GetWebhookStatusRequest, _context: grpc.ServicerContext
    ) -> pb.GetWebhookStatusResponse:
        """Show the app's webhooks."""
        return pb.GetWebhookStatusResponse(webhooks=mapping.webhook_state(self._webhooks.status(*_key(request))))


_Keyed = (
    pb.GetIntegrationRequest
    | pb.UpdateIntegrationRequest
    | pb.DeleteIntegrationRequest
    | pb.EnableWebhooksRequest
    | pb.DisableWebhooksRequest
    | pb.GetWebhookStatusRequest
)


def _key(request: _Keyed) -> tuple[str, str]:
    """Tenant and integration, both required."""
    tenant_id = mapping.identifier(request.tenant_id, "tenant_id")
    return tenant_id, mapping.identifier(request.integration_id, "integration_id")
