"""Lead fields: contract to domain and back."""

from leadsync.lead.v1 import lead_field_pb2 as pb

from lead_store.domain.errors import Invalid
from lead_store.domain.lead_fields import LeadField, declare
from lead_store.domain.values import FieldType

FIELD_TYPES = {
    FieldType.TEXT: pb.FIELD_TYPE_TEXT,
    FieldType.EMAIL: pb.FIELD_TYPE_EMAIL,
    FieldType.PHONE: pb.FIELD_TYPE_PHONE,
    FieldType.URL: pb.FIELD_TYPE_URL,
    FieldType.NUMBER: pb.FIELD_TYPE_NUMBER,
    FieldType.BOOLEAN: pb.FIELD_TYPE_BOOLEAN,
    FieldType.DATE: pb.FIELD_TYPE_DATE,
    FieldType.DATETIME: pb.FIELD_TYPE_DATETIME,
    FieldType.CHOICE: pb.FIELD_TYPE_CHOICE,
    FieldType.MULTI_CHOICE: pb.FIELD_TYPE_MULTI_CHOICE,
}
_KINDS: dict[int, FieldType] = {number: kind for kind, number in FIELD_TYPES.items()}


def field_message(field: LeadField) -> pb.LeadField:
    """A field as the contract shows it."""
    return pb.LeadField(
        name=field.name,
        label=field.label,
        type=FIELD_TYPES[field.kind],
        options=field.options,
        standard=field.standard,
        etag=str(field.revision) if field.revision else "",
    )


def declared_field(message: pb.LeadField) -> LeadField:
    """The declaration in a request. Raises Invalid."""
    kind = _KINDS.get(message.type or pb.FIELD_TYPE_TEXT)
    if kind is None:
        raise Invalid("type", "no such type")
    return declare(message.name, message.label, kind, tuple(message.options))
