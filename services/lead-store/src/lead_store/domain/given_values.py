"""Values that the platform gives to a lead: which of them are taken, and in which form.

What the lead holds already is never refused: it may have come from a CRM, which takes more than we would.
"""

from collections.abc import Mapping

from lead_store.domain.addresses import is_address
from lead_store.domain.errors import Invalid
from lead_store.domain.fields import (
    CUSTOM_PREFIX,
    MAX_CUSTOM_FIELDS,
    MAX_LEAD_LENGTH,
    MAX_VALUE_LENGTH,
    can_be_named,
    is_field,
)
from lead_store.domain.lead_fields import TenantFields


def taken_values(given: Mapping[str, str], before: Mapping[str, str], fields: TenantFields) -> dict[str, str]:
    """The new values in the canonical forms of their fields' types, without those that the lead has already.

    `before` are the lead's values. Raises Invalid for unknown fields, oversized values, malformed e-mails, and values
    that are not of their type.
    """
    for name in given:
        if not is_field(name):
            raise Invalid(name, "no such field; custom fields are named by 1 to 64 letters, digits or underscores")
    new = {name: value for name, value in given.items() if value != before.get(name, "")}
    for name, value in new.items():
        if len(value) > MAX_VALUE_LENGTH:
            raise Invalid(name, f"longer than {MAX_VALUE_LENGTH:,} characters")
    check_size({**before, **new}, before)
    taken = {name: fields.canonical(name, value) for name, value in new.items()}
    email = taken.get("email")
    if email and not is_address(email):
        raise Invalid("email", "is no e-mail address; write it like ada@example.com", "invalid_email")
    return taken


def check_named(after: Mapping[str, str], before: Mapping[str, str] | None = None) -> None:
    """Refuse a new lead without any name or e-mail, and a change (`before` is given) that takes the last of them."""
    if not can_be_named(after) and (before is None or can_be_named(before)):
        raise Invalid("lead", "a lead needs an e-mail, a first name or a last name", "no_name")


def check_size(after: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Refuse a lead that grows past what fits into one document with its links and history."""
    if MAX_CUSTOM_FIELDS < _custom_fields(after) > _custom_fields(before):
        raise Invalid("custom_fields", f"a lead has at most {MAX_CUSTOM_FIELDS} custom fields")
    if MAX_LEAD_LENGTH < _length(after) > _length(before):
        raise Invalid("lead", f"longer than {MAX_LEAD_LENGTH:,} characters in all")


def _custom_fields(values: Mapping[str, str]) -> int:
    return sum(name.startswith(CUSTOM_PREFIX) and value != "" for name, value in values.items())


def _length(values: Mapping[str, str]) -> int:
    return sum(map(len, values.values()))
