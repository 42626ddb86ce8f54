"""Names of fields: camelCase over HTTP, snake_case in the contracts. Names of custom fields are the customer's own."""

import re
from typing import Annotated

from msgspec import Meta

CUSTOM = "customFields."
_CONTRACT_CUSTOM = "custom_fields."
# A field of a lead in the spelling of the HTTP API. `messages` translates values of this type.
LeadField = Annotated[
    str,
    Meta(
        pattern=r"^(email|firstName|lastName|phone|company|jobTitle|website|status|customFields\.[A-Za-z0-9_]{1,64})$",
        description="A field of leads, such as firstName or customFields.revenue.",
    ),
]
CustomName = Annotated[  # the name of a custom field alone
    str, Meta(pattern=r"^[A-Za-z0-9_]{1,64}$", description="1 to 64 letters from A to Z, digits or underscores.")
]
CustomField = Annotated[  # a custom field where no other field is possible
    str,
    Meta(
        pattern=r"^(customFields\.)?[A-Za-z0-9_]{1,64}$",
        description="A custom field: customFields.revenue, or revenue alone.",
    ),
]
# Names that are not merely the same word in another spelling.
_RENAMED = {
    "account_id": "portalId",
    "authorization_code.code": "code",
    "request_id": "Idempotency-Key",
    "merged_into_lead_id": "into",
    "update_mask": "body",
}
# Parts of a sync policy that HTTP has in another place.
_PLACES = {"fields": "field_rules", "deletions": "policies.deletions", "matching": "policies.matching"}
_PROPOSED = "proposed."  # a part of HTTP too
# Standard fields with two spellings, where a text is about one of them: `first_name: It is too long.`
_SUBJECT = re.compile(r"\b(first_name|last_name|job_title)(?=: )")
_WRAPPERS = re.compile(r"^((lead|integration|field|policy)\.)+")  # messages whose parts HTTP has at the top


def camel(name: str) -> str:
    """Spell a name of the contracts as the HTTP API does."""
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)


def snake(name: str) -> str:
    """Spell a name of the HTTP API as the contracts do."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def contract_field(name: str) -> str:
    """Translate a lead field to the spelling of the contracts."""
    return _CONTRACT_CUSTOM + name.removeprefix(CUSTOM) if name.startswith(CUSTOM) else snake(name)


def http_field(name: str) -> str:
    """Translate a lead field to the spelling of the HTTP API."""
    return CUSTOM + name.removeprefix(_CONTRACT_CUSTOM) if name.startswith(_CONTRACT_CUSTOM) else camel(name)


def http_text(text: str) -> str:
    """Translate the names of custom fields in a text for people, and of the fields that it is about, to HTTP's."""
    return _SUBJECT.sub(lambda match: camel(match[1]), text.replace(_CONTRACT_CUSTOM, CUSTOM))


def http_path(path: str) -> str:
    """Translate a field path of a service's error, such as `lead.custom_fields.a_b`, to the HTTP API's spelling."""
    if path.startswith(_PROPOSED):
        return _PROPOSED + http_path(path.removeprefix(_PROPOSED))
    path = _WRAPPERS.sub("", path)
    if path in _RENAMED:
        return _RENAMED[path]
    place = re.split(r"[.\[]", path, maxsplit=1)[0]
    path = _PLACES.get(place, place) + path.removeprefix(place)
    head, dot, rest = path.partition(_CONTRACT_CUSTOM)
    return camel(head) + (CUSTOM + rest if dot else "")
