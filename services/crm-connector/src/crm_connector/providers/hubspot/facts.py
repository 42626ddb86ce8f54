"""What contacts say about themselves, beside the values of their properties."""

from datetime import UTC, datetime

from crm_connector.providers.hubspot.wire import Contact


def modified_of(contact: Contact) -> datetime | None:
    """Give when a contact was modified; None if HubSpot left it out."""
    return timestamp((contact.properties or {}).get("lastmodifieddate")) or contact.updated_at


def is_whole(contact: Contact) -> bool:
    """Whether a contact has all that makes it readable; of an archived one, its id is enough."""
    return contact.archived or (contact.properties is not None and modified_of(contact) is not None)


def timestamp(text: str | None) -> datetime | None:
    """Read a time of HubSpot: ISO 8601, or milliseconds since 1970; None if it is neither."""
    if not text:
        return None
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        parsed = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def listed(text: str | None) -> list[str]:
    """Items of a `;`-joined value."""
    return [item.strip() for item in (text or "").split(";") if item.strip()]


def emails_of(contact: Contact) -> list[str]:
    """All e-mails that identify a contact, in lower case."""
    properties = contact.properties or {}
    known = [properties.get("email") or "", *listed(properties.get("hs_additional_emails"))]
    return [email.lower() for email in known if email]
