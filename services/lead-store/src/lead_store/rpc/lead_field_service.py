"""LeadFieldService."""

from typing import Any

from leadsync.lead.v1 import lead_field_service_pb2 as pb
from leadsync.lead.v1.lead_field_service_pb2_grpc import LeadFieldServiceServicer

from lead_store.rpc.lead_field_mapping import declared_field, field_message
from lead_store.rpc.requests import bounded, required
from lead_store.usecases.lead_fields import LeadFields


class LeadFieldService(LeadFieldServiceServicer):
    """The fields of a tenant's leads."""

    def __init__(self, fields: LeadFields) -> None:
        self.fields = fields

    def PutLeadField(self, request: pb.PutLeadFieldRequest, context: Any) -> pb.PutLeadFieldResponse:  # noqa: N802, ARG002
        """Declare a field."""
        tenant_id, etag = required("tenant_id", request.tenant_id), bounded("etag", request.etag)
        field = self.fields.put(tenant_id, declared_field(request.field), etag)
        return pb.PutLeadFieldResponse(field=field_message(field))

    def GetLeadField(self, request: pb.GetLeadFieldRequest, context: Any) -> pb.GetLeadFieldResponse:  # noqa: N802, ARG002
        """Get a field."""
        field = self.fields.get(required("tenant_id", request.tenant_id), required("name", request.name))
        return pb.GetLeadFieldResponse(field=field_message(field))

    def ListLeadFields(self, request: pb.ListLeadFieldsRequest, context: Any) -> pb.ListLeadFieldsResponse:  # noqa: N802, ARG002
        """List the fields."""
        fields = self.fields.in_order(required("tenant_id", request.tenant_id))
        return pb.ListLeadFieldsResponse(fields=map(field_message, fields))

    def DeleteLeadField(self, request: pb.DeleteLeadFieldRequest, context: Any) -> pb.DeleteLeadFieldResponse:  # noqa: N802, ARG002
        """Forget a declaration."""
        self.fields.remove(required("tenant_id", request.tenant_id), required("name", request.name))
        return pb.DeleteLeadFieldResponse()
