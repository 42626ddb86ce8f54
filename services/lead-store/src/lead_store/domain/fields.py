"""The fields of a lead: their names, their limits, and which of them name a person."""

import hashlib
import re
from collections.abc import Mapping

from lead_store.domain.addresses import address_key

STANDARD_FIELDS = ("email", "first_name", "last_name", "phone", "company", "job_title", "website", "status")
CUSTOM_PREFIX = "custom_fields."
NAMING_FIELDS = ("email", "first_name", "last_name")
MAX_VALUE_LENGTH = 131_072  # characters; no CRM has longer texts
MAX_CUSTOM_FIELDS = 200
MAX_LEAD_LENGTH = 500_000  # characters; links, base and pending repeat values, and a document has 16 MiB

_CUSTOM_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")


def is_field(name: str) -> bool:
    """Whether `name` is a lead field: a standard one or `custom_fields.<name>`."""
    if name.startswith(CUSTOM_PREFIX):
        return _CUSTOM_NAME.fullmatch(name.removeprefix(CUSTOM_PREFIX)) is not None
    return name in STANDARD_FIELDS


def email_key(values: Mapping[str, str]) -> str:
    """The key of the e-mail; empty if there is none."""
    return address_key(values.get("email", ""))


def email_digest(values: Mapping[str, str]) -> str:
    """A short hash of the e-mail. It shows whether a lead's e-mail has changed, without holding it."""
    return hashlib.sha256(email_key(values).encode()).hexdigest()[:16]


def can_be_named(values: Mapping[str, str]) -> bool:
    """Whether the values name a person: an e-mail, a first name or a last name."""
    return any(values.get(field, "").strip() for field in NAMING_FIELDS)
