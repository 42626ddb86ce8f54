"""Field names: camelCase outside, snake_case in the contracts. The names of custom fields are people's own."""

import re

CUSTOM = "customFields."
_INNER_CUSTOM = "custom_fields."
# Names that are not merely the same word in another spelling.
_RENAMED = {
    "account_id": "portalId",
    "authorization_code.code": "code",
    "request_id": "Idempotency-Key",
    "merged_into_lead_id": "into",
    "match_keys": "policies.matching.keys",
    "phone_region": "policies.matching.phoneRegion",
    "update_mask": "body",
}


def camel(name: str) -> str:
    """Spell a name of the contracts as the outside does."""
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)


def snake(name: str) -> str:
    """Spell a name of the outside as the contracts do."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def inner_field(name: str) -> str:
    """Translate a lead field to the contracts' spelling."""
    return _INNER_CUSTOM + name.removeprefix(CUSTOM) if name.startswith(CUSTOM) else snake(name)


def outer_field(name: str) -> str:
    """Translate a lead field of the contracts to the outer spelling."""
    return CUSTOM + name.removeprefix(_INNER_CUSTOM) if name.startswith(_INNER_CUSTOM) else camel(name)


def outer_path(path: str) -> str:
    """Translate a field path of a service's answer, such as `lead.custom_fields.a_b`."""
    path = path.removeprefix("lead.").removeprefix("integration.")
    if path in _RENAMED:
        return _RENAMED[path]
    if path.partition(".")[0] == "deletions":
        path = f"policies.{path}"
    head, dot, rest = path.partition(_INNER_CUSTOM)
    return camel(head) + (CUSTOM + rest if dot else "")
