"""The fields of a lead: their names and when two values are the same."""

import hashlib
import re
from collections.abc import Mapping

STANDARD_FIELDS = ("email", "first_name", "last_name", "phone", "company", "job_title", "website", "status")
CUSTOM_PREFIX = "custom_fields."
NAMING_FIELDS = ("email", "first_name", "last_name")
MAX_VALUE_LENGTH = 65_536  # HubSpot keeps at most 65,536 characters in a text property
MAX_CUSTOM_FIELDS = 200
MAX_LEAD_LENGTH = 500_000  # characters; links, base and pending repeat values, and a document has 16 MiB

_PLAIN_NUMBER = re.compile(r"\+?[0-9 ().\-/\u00a0]*[0-9][0-9 ().\-/\u00a0]*")
_NOT_DIALLED = re.compile(r"[^0-9+]")
_CUSTOM_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")


def is_field(name: str) -> bool:
    """Whether `name` is a lead field: a standard one or `custom_fields.<name>`."""
    if name.startswith(CUSTOM_PREFIX):
        return _CUSTOM_NAME.fullmatch(name.removeprefix(CUSTOM_PREFIX)) is not None
    return name in STANDARD_FIELDS


def normal_form(field: str, value: str) -> str:
    """The form in which two spellings of one value are equal (R10): e-mail in one case, phone by its digits."""
    value = value.strip()
    if field == "email":
        return value.casefold()
    if field == "phone" and _PLAIN_NUMBER.fullmatch(value):  # "123 ext. 4" is not 1234
        digits = _NOT_DIALLED.sub("", value)
        return "+" + digits.removeprefix("+").removeprefix("00") if digits.startswith(("+", "00")) else digits
    return value


def same(field: str, one: str, other: str) -> bool:
    """Whether two values of a field mean the same."""
    return one == other or normal_form(field, one) == normal_form(field, other)


def email_key(values: Mapping[str, str]) -> str:
    """The e-mail in its normal form; empty if there is none. Leads and records are matched by `keys`."""
    return normal_form("email", values.get("email", ""))


def email_digest(values: Mapping[str, str]) -> str:
    """A short hash of the e-mail. It shows whether a lead's e-mail has changed, without holding it."""
    return hashlib.sha256(email_key(values).encode()).hexdigest()[:16]


def can_be_named(values: Mapping[str, str]) -> bool:
    """Whether the values name a person: an e-mail, a first name or a last name."""
    return any(values.get(field, "").strip() for field in NAMING_FIELDS)
