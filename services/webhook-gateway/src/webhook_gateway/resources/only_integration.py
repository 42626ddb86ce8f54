"""Which integration is meant where a request names none."""

from typing import Annotated

import grpc
from leadsync.integration.v1 import integration_service_pb2 as pb
from leadsync.integration.v1.integration_service_pb2_grpc import IntegrationServiceStub
from msgspec import Meta

from webhook_gateway.problem import Fault, Problem
from webhook_gateway.resources.reasons import CONNECTOR, NO_INTEGRATION, Reasons
from webhook_gateway.rpc.calls import Client

# What an operation takes, and may answer, that works on the tenant's only integration unless one is named.
IntegrationId = Annotated[str, Meta(max_length=128, description="Optional if the tenant has only one integration.")]
CHOSEN: tuple[Reasons, ...] = ({400: ("integration_required",)}, NO_INTEGRATION, CONNECTOR)


class OnlyIntegration(Client):
    """Finds the only integration of a tenant."""

    service = "connector"

    def __init__(self, connector: grpc.aio.Channel) -> None:
        self._stub = IntegrationServiceStub(connector)

    async def choose(self, tenant: str, given: str) -> str:
        """Return the id that was given, else that of the tenant's only integration.

        Raises Problem 404 if there is none, 400 integration_required if there are several; ServiceProblem.
        """
        if given:
            return given
        request = pb.ListIntegrationsRequest(tenant_id=tenant, page_size=2)
        found = (await self.call(self._stub.ListIntegrations, request)).integrations
        if not found:
            raise Problem(404, "integration_not_found", "no CRM account is connected yet")
        if len(found) > 1:
            detail = "there are several integrations, so the request has to name one"
            errors = (Fault("integrationId", "is required where there are several integrations"),)
            raise Problem(400, "integration_required", detail, errors=errors)
        return found[0].integration_id
