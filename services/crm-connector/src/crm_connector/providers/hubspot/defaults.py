"""The mapping of a new integration that names none, and how long names may be."""

from collections.abc import Iterable

from crm_connector.domain.mapping import CrmField, FieldMapping, Limits
from crm_connector.domain.transforms import Transform, TransformKind

LIMITS = Limits(property_name=100, option=3_000)
DEFAULT_MAPPING = {
    "email": "email",
    "first_name": "firstname",
    "last_name": "lastname",
    "phone": "phone",
    "company": "company",
    "job_title": "jobtitle",
    "website": "website",
    "status": "hs_lead_status",
}
# HubSpot's own options of `hs_lead_status`; an account may have others, and not all of these.
_STATUSES = (
    *("NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED", "BAD_TIMING"),
)


def default_mapping(known: Iterable[CrmField]) -> FieldMapping:
    """Give the default mapping, as far as an account has the properties. HubSpot's status `NEW` is `new` for a lead."""
    found = {field.property: field for field in known}
    properties = {field: name for field, name in DEFAULT_MAPPING.items() if name in found}
    status = found.get("hs_lead_status")
    has = {value for value, _ in status.options} if status else set()
    table = tuple((word, word.lower()) for word in _STATUSES if word in has and word.lower() not in has)
    return FieldMapping(properties, {"status": (Transform(TransformKind.OPTIONS, options=table),)} if table else {})
