"""HubSpot's JSON as types; unknown members are ignored, absent ones have defaults.

Contacts of an answer stay undecoded at first: each is decoded alone, so that one of another form stops no other.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

_OAUTH_ERRORS = {
    *("invalid_request", "invalid_client", "invalid_grant", "invalid_scope"),
    *("unauthorized_client", "unsupported_grant_type"),
}
# What a decoder raises for a text that is not of the form that it is to have.
UNDECODABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


class HistoryVersion(msgspec.Struct, rename="camel"):
    """One version in `propertiesWithHistory`."""

    timestamp: datetime
    value: str | None = None
    source_type: str | None = None
    source_id: str | None = None


class Contact(msgspec.Struct, rename="camel"):
    """A contact, as reads, searches and batch writes answer it."""

    id: str
    properties: dict[str, str | None] | None = None
    updated_at: datetime | None = None
    archived: bool = False
    archived_at: datetime | None = None
    properties_with_history: dict[str, list[HistoryVersion]] | None = None
    object_write_trace_id: str | None = None


class _Named(msgspec.Struct):
    """As much of a contact as names it."""

    id: str | int


def contact_of(raw: msgspec.Raw) -> Contact:
    """Decode one contact. A value that is a number or a boolean, or an id that is a number, is the text of it.

    Raises:
        msgspec.DecodeError, UnicodeError, RecursionError: if it is of another form, or its id is no number.

    """
    try:
        contact = msgspec.json.decode(raw, type=Contact, strict=False)
    except msgspec.ValidationError:
        loose = json.loads(bytes(raw), parse_int=str, parse_float=str)
        contact = msgspec.convert(_as_texts(loose), Contact, strict=False)
    if not contact.id.isdecimal():  # or the contact would be taken for merged into one of another id
        raise msgspec.ValidationError("the id is no number")
    return contact


def contacts_of(raws: Iterable[msgspec.Raw]) -> tuple[list[Contact], list[str]]:
    """Decode contacts one by one: those that are as documented, and the ids of the others; empty = it has none."""
    contacts, bad = list[Contact](), list[str]()
    for raw in raws:
        try:
            contacts.append(contact_of(raw))
        except UNDECODABLE:
            bad.append(id_of(raw))
    return contacts, bad


def id_of(raw: msgspec.Raw) -> str:
    """Give the id of a contact that may be of another form otherwise; empty = it has none."""
    try:
        found = str(msgspec.json.decode(raw, type=_Named).id)
    except UNDECODABLE:
        found = _loose_id(raw)
    return found if found.isdecimal() else ""


def _loose_id(raw: msgspec.Raw) -> str:
    """Give the id of a contact of which a text is not whole, such as half of an emoji; empty = it has none."""
    try:
        return str(json.loads(bytes(raw))["id"])
    except (*UNDECODABLE, ValueError, LookupError, TypeError):
        return ""


def _as_texts(loose: Any) -> Any:
    """Turn booleans in the place of texts into texts; the numbers are texts already."""
    if not isinstance(loose, dict):
        return loose
    properties, history = loose.get("properties"), loose.get("propertiesWithHistory")
    texts: dict[str, Any] = {}
    if isinstance(properties, dict):
        texts["properties"] = {name: _text(value) for name, value in properties.items()}
    for versions in history.values() if isinstance(history, dict) else ():
        for version in versions if isinstance(versions, list) else ():
            if isinstance(version, dict):
                version["value"] = _text(version.get("value"))
    return loose | texts


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def without_nulls(loose: Any) -> Any:
    """Leave out what is null in decoded JSON, at all depths."""
    if isinstance(loose, dict):
        return {name: without_nulls(value) for name, value in loose.items() if value is not None}
    return [without_nulls(item) for item in loose if item is not None] if isinstance(loose, list) else loose


class Problem(msgspec.Struct, rename="camel"):
    """An error body, an entry of a 207's `errors`, or an entry of an error's `errors`: all members are optional."""

    status: str | None = None
    correlation_id: str | None = None
    category: str | None = None
    error: str | None = None
    code: str | None = None
    message: str | None = None
    policy_name: str | None = None
    error_type: str | None = None
    in_: str | None = msgspec.field(name="in", default=None)
    context: Any = None
    errors: list["Problem"] | None = None

    def named(self, key: str) -> list[str]:
        """What the context lists under this key, as text; HubSpot wraps even single values into lists."""
        found = self.context.get(key) if isinstance(self.context, dict) else None
        return [str(item) for item in (found if isinstance(found, list) else [] if found is None else [found])]

    @property
    def is_hubspots(self) -> bool:
        """Whether HubSpot's API wrote it: something in between, such as a proxy, answers in another form.

        An error of the API says `"status": "error"` and at least one of the names for what it is about. One of the
        OAuth endpoints has a code of its own, or one of the standard ones (RFC 6749).
        """
        if self.status == "error":
            return any((self.category, self.error_type, self.policy_name, self.correlation_id, self.errors))
        has_code = (self.status or "").startswith("BAD_") and self.message is not None
        return has_code or self.error in _OAUTH_ERRORS

    def parts(self) -> list["Problem"]:
        """Give itself and the errors inside it."""
        return [self, *(self.errors or [])]


class Batch(msgspec.Struct, rename="camel"):
    """Answer of the batch endpoints, 200 and 207. `contacts_of` decodes the results."""

    results: list[msgspec.Raw]
    errors: list[Problem] | None = None


class After(msgspec.Struct):
    """Position of the next page: an id or an offset, as a text or as a number."""

    after: str | int


class Paging(msgspec.Struct):
    """Where the next page is."""

    next: After | None = None


class SearchAnswer(msgspec.Struct):
    """Answer of a search, or of listing, which has no total. The total is only good for a forecast."""

    results: list[msgspec.Raw]
    total: int | None = None
    paging: Paging | None = None


class SubscriptionWire(msgspec.Struct, rename="camel"):
    """One webhook subscription; ids are strings in the spec and numbers in older documentation."""

    id: str | int
    event_type: str
    property_name: str | None = None
    active: bool = False


class WebhookSettings(msgspec.Struct, rename="camel"):
    """Where an app's webhooks are sent to."""

    target_url: str = ""


class Subscriptions(msgspec.Struct):
    """All subscriptions of an app."""

    results: list[SubscriptionWire]


class TokenInfo(msgspec.Struct, rename="camel"):
    """What a private app's token says about itself."""

    hub_id: int
    app_id: int | None = None
    scopes: list[str] = []


class OAuthInfo(msgspec.Struct):
    """What an OAuth access token says about itself (v1 answer, snake case)."""

    hub_id: int
    app_id: int | None = None
    scopes: list[str] = []


class OAuthTokens(msgspec.Struct):
    """Answer of the token endpoint. It need not say how long the token lasts (RFC 6749): HubSpot's last 30 minutes."""

    access_token: str
    expires_in: float = 1_800.0
    refresh_token: str = ""

    def __repr__(self) -> str:
        """Say nothing of the secrets."""
        return "OAuthTokens()"


class AccountDetails(msgspec.Struct, rename="camel"):
    """Answer of account-info; only the time zone matters, since the daily quota ends at its midnight."""

    time_zone: str = "UTC"
