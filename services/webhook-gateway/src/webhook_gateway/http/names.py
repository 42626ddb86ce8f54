"""Field names: camelCase outside, snake_case in the contracts. The names of custom fields are people's own."""

import re

LEAD_FIELDS = {
    "email": "email",
    "firstName": "first_name",
    "lastName": "last_name",
    "phone": "phone",
    "company": "company",
    "jobTitle": "job_title",
    "website": "website",
    "status": "status",
}
CUSTOM = "customFields."
_INNER_CUSTOM = "custom_fields."
_CUSTOM_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_OUTER = {inner: outer for outer, inner in LEAD_FIELDS.items()}
# Names that are not merely the same word in another spelling.
_RENAMED = {"account_id": "portalId", "authorization_code.code": "code", "request_id": "Idempotency-Key"}


def is_custom_name(name: str) -> bool:
    """Say whether this can be the name of a custom field."""
    return _CUSTOM_NAME.fullmatch(name) is not None


def inner_field(name: str) -> str | None:
    """Translate a lead field to the contracts' spelling; None if there is no such field."""
    if name.startswith(CUSTOM) and is_custom_name(name.removeprefix(CUSTOM)):
        return _INNER_CUSTOM + name.removeprefix(CUSTOM)
    return LEAD_FIELDS.get(name)


def outer_field(name: str) -> str:
    """Translate a lead field of the contracts to the outer spelling."""
    if name.startswith(_INNER_CUSTOM):
        return CUSTOM + name.removeprefix(_INNER_CUSTOM)
    return _OUTER.get(name, name)


def outer_path(path: str) -> str:
    """Translate a field path of a service's answer, such as `lead.custom_fields.a_b`."""
    path = path.removeprefix("lead.").removeprefix("integration.")
    if path in _RENAMED:
        return _RENAMED[path]
    head, dot, rest = path.partition(_INNER_CUSTOM)
    return _camel(head) + (CUSTOM + rest if dot else "")


def _camel(text: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), text)
