"""The CRM's properties, which a lead field may be mapped to."""

import grpc
from leadsync.integration.v1 import integration_service_pb2 as pb
from leadsync.integration.v1.integration_service_pb2_grpc import IntegrationServiceStub
from msgspec import Struct

from webhook_gateway.resources.integrations import ONE
from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.reasons import CONNECTOR, CRM, NO_INTEGRATION
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.messages import plain
from webhook_gateway.rpc.names import LeadField


class CrmFieldOption(Struct, rename="camel"):
    """One value that a property may take."""

    value: str
    label: str


class CrmField(Struct, rename="camel"):
    """One property of the CRM. `object` is what the CRM calls the records that have it."""

    property: str
    object: str | None
    label: str
    type: str
    read_only: bool
    options: list[CrmFieldOption]
    mapped_to: LeadField | None


class CrmFields(Struct, rename="camel"):
    """The CRM's properties, by name."""

    fields: list[CrmField]


class CrmSchemas(Client):
    """Lists properties by crm-connector. Every operation raises ServiceProblem."""

    service = "connector"
    seconds = 30.0  # a CRM is called meanwhile

    def __init__(self, connector: grpc.aio.Channel) -> None:
        self._stub = IntegrationServiceStub(connector)

    @operation("GET", f"{ONE}/fields", NO_INTEGRATION, CONNECTOR, CRM)
    async def list_fields(self, tenant: str, integration_id: str) -> CrmFields:
        """List the CRM's properties that a lead field may be mapped to."""
        request = pb.ListCrmFieldsRequest(tenant_id=tenant, integration_id=integration_id)
        return plain(await self.call(self._stub.ListCrmFields, request), CrmFields)
