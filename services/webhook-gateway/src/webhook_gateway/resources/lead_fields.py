"""The fields of a tenant's leads and their types."""

import time
from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import grpc
from leadsync.lead.v1 import lead_field_pb2
from leadsync.lead.v1 import lead_field_service_pb2 as pb
from leadsync.lead.v1.lead_field_service_pb2_grpc import LeadFieldServiceStub
from msgspec import Meta, Struct, field

from webhook_gateway.resources.basics import Tagged
from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.reasons import STALE, STORE, Reasons
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.messages import number, plain
from webhook_gateway.rpc.names import CUSTOM, CustomField, LeadField, contract_field

FIELDS, ONE = "/api/v1/lead-fields", "/api/v1/lead-fields/{name}"
NO_FIELD: Reasons = {404: ("lead_field_not_found",)}
DECLARATION: Reasons = {400: ("standard_field", "too_many_lead_fields", "too_many_options")}
FRESH_SECONDS = 5.0  # for so long types are not read again
MOST_TENANTS = 1_000  # whose types are remembered
FieldType = Literal["text", "email", "phone", "url", "number", "boolean", "date", "datetime", "choice", "multi_choice"]
Types = Mapping[str, str]  # type by name of a custom field; a field that is not in it is a text


class FieldDeclaration(Struct, rename="camel", forbid_unknown_fields=True):
    """The type of a custom field. `options` are the values of a choice; without any it may have any value."""

    type: FieldType
    label: Annotated[str, Meta(max_length=200)] = ""
    options: Annotated[list[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(max_length=1_000)] = field(
        default_factory=list
    )


class DeclaredField(Struct, rename="camel"):
    """A field of leads. A `standard` one cannot be changed; a custom field that nobody declared is a text."""

    name: LeadField
    label: str
    type: FieldType
    options: list[str]
    standard: bool


class FieldList(Struct, rename="camel"):
    """The standard fields, then the declared ones by name."""

    lead_fields: list[DeclaredField]


class LeadFields(Client):
    """Declares fields by lead-store, and knows their types. Every method raises ServiceProblem."""

    def __init__(self, store: grpc.aio.Channel, clock: Callable[[], float] = time.monotonic) -> None:
        self._stub = LeadFieldServiceStub(store)
        self._clock = clock
        self._known: dict[str, tuple[float, Types]] = {}  # by tenant: when they were read, and the types

    @operation("GET", FIELDS, STORE)
    async def list_lead_fields(self, tenant: str) -> FieldList:
        """List the fields of leads and their types."""
        answer = await self.call(self._stub.ListLeadFields, pb.ListLeadFieldsRequest(tenant_id=tenant))
        return FieldList([plain(item, DeclaredField) for item in answer.fields])

    @operation("GET", ONE, NO_FIELD, STORE)
    async def get_lead_field(self, tenant: str, name: CustomField) -> Tagged[DeclaredField]:
        """Get the declaration of a custom field."""
        request = pb.GetLeadFieldRequest(tenant_id=tenant, name=_custom(name))
        return _tagged((await self.call(self._stub.GetLeadField, request)).field)

    @operation("PUT", ONE, DECLARATION, STALE, STORE)
    async def put_lead_field(
        self, tenant: str, name: CustomField, body: FieldDeclaration, etag: str
    ) -> Tagged[DeclaredField]:
        """Give a custom field a type, in place of what was declared before.

        Leads keep their values. A value that is not of the new type is shown as a text and left alone until it is
        changed.
        """
        declared = lead_field_pb2.LeadField(
            name=_custom(name),
            label=body.label,
            type=number(lead_field_pb2.FieldType, body.type),
            options=body.options,
        )
        request = pb.PutLeadFieldRequest(tenant_id=tenant, field=declared, etag=etag)
        answer = await self.call(self._stub.PutLeadField, request)
        self._known.pop(tenant, None)
        return _tagged(answer.field)

    @operation("DELETE", ONE, STORE, status=204)
    async def delete_lead_field(self, tenant: str, name: CustomField) -> None:
        """Forget the declaration of a custom field: it is a text again, and leads keep their values. Repeatable."""
        request = pb.DeleteLeadFieldRequest(tenant_id=tenant, name=_custom(name))
        await self.call(self._stub.DeleteLeadField, request)
        self._known.pop(tenant, None)

    async def types(self, tenant: str, *, fresh: bool = False) -> Types:
        """The types of the tenant's custom fields; unless `fresh`, as they were some seconds ago at most."""
        read_at, types = self._known.get(tenant, (None, {}))
        now = self._clock()
        if read_at is None or fresh or now - read_at > FRESH_SECONDS:
            answer = await self.call(self._stub.ListLeadFields, pb.ListLeadFieldsRequest(tenant_id=tenant))
            listed = [plain(item, DeclaredField) for item in answer.fields]
            types = {item.name.removeprefix(CUSTOM): item.type for item in listed if not item.standard}
            self._remember(tenant, now, types)
        return types

    def _remember(self, tenant: str, read_at: float, types: Types) -> None:
        self._known.pop(tenant, None)
        if len(self._known) >= MOST_TENANTS:
            del self._known[next(iter(self._known))]  # what was read longest ago
        self._known[tenant] = read_at, types


def _custom(name: str) -> str:
    return contract_field(CUSTOM + name.removeprefix(CUSTOM))


def _tagged(item: lead_field_pb2.LeadField) -> Tagged[DeclaredField]:
    return Tagged(plain(item, DeclaredField), item.etag)
