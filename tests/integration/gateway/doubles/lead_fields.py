# ruff: noqa: N802  the contracts name the methods
"""A double of lead-store's LeadFieldService."""

from google.rpc import code_pb2  # type: ignore[import-untyped, unused-ignore]
from integration.gateway.doubles.status import Context, fail
from leadsync.lead.v1 import lead_field_pb2
from leadsync.lead.v1 import lead_field_service_pb2 as pb
from leadsync.lead.v1.lead_field_service_pb2_grpc import LeadFieldServiceServicer


class FakeLeadFields(LeadFieldServiceServicer):
    """One standard field of all tenants, and declared ones; counts how often they were listed."""

    def __init__(self) -> None:
        self.declared: dict[tuple[str, str], lead_field_pb2.LeadField] = {}
        self.listed = 0

    def declare(self, name: str, kind: lead_field_pb2.FieldType.ValueType, tenant: str = "acme") -> None:
        """Declare a custom field behind the gateway's back."""
        self.declared[tenant, name] = lead_field_pb2.LeadField(name=f"custom_fields.{name}", type=kind, etag="1")

    async def PutLeadField(self, request: pb.PutLeadFieldRequest, context: Context) -> pb.PutLeadFieldResponse:
        """Declare; two equal options are refused."""
        field = request.field
        if len(set(field.options)) < len(field.options):
            await fail(context, code_pb2.INVALID_ARGUMENT, "invalid_field", "a fault", "field.options[1]")
        key = request.tenant_id, field.name.removeprefix("custom_fields.")
        before = self.declared.get(key)
        if request.etag and (before is None or before.etag != request.etag):
            await fail(context, code_pb2.ABORTED, "stale_etag", "the field has changed since it was read")
        field.etag = str(int(before.etag) + 1 if before else 1)
        self.declared[key] = field
        return pb.PutLeadFieldResponse(field=field)

    async def GetLeadField(self, request: pb.GetLeadFieldRequest, context: Context) -> pb.GetLeadFieldResponse:
        """Get."""
        field = self.declared.get((request.tenant_id, request.name.removeprefix("custom_fields.")))
        if field is None:
            await fail(context, code_pb2.NOT_FOUND, "lead_field_not_found", "no such field is declared")
        return pb.GetLeadFieldResponse(field=field)

    async def ListLeadFields(self, request: pb.ListLeadFieldsRequest, context: Context) -> pb.ListLeadFieldsResponse:
        """List the standard field, then the declared ones."""
        del context
        self.listed += 1
        standard = lead_field_pb2.LeadField(
            name="first_name", label="First name", type=lead_field_pb2.FIELD_TYPE_TEXT, standard=True
        )
        declared = [field for (tenant, _), field in sorted(self.declared.items()) if tenant == request.tenant_id]
        return pb.ListLeadFieldsResponse(fields=[standard, *declared])

    async def DeleteLeadField(self, request: pb.DeleteLeadFieldRequest, context: Context) -> pb.DeleteLeadFieldResponse:
        """Forget."""
        del context
        self.declared.pop((request.tenant_id, request.name.removeprefix("custom_fields.")), None)
        return pb.DeleteLeadFieldResponse()
