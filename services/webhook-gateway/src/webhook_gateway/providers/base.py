"""The port of the webhook door: what any CRM's file has to offer, and the words it answers in. Pure."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from msgspec import Struct

from webhook_gateway.model.integrations import Check
from webhook_gateway.model.work import ShownEvent


class TouchKind(StrEnum):
    """What an event says happened to a record. It says where to look, never what is true."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"
    MERGED = "merged"
    RESTORED = "restored"
    ERASED = "erased"


class Touch(Struct, frozen=True, gc=False):
    """One record that a delivery asks to look at."""

    object_type: str
    record_id: str
    kind: TouchKind
    occurred_at_ms: int | None
    source: str
    into_record_id: str = ""


class ParsedDelivery(Struct, frozen=True):
    """The part of a webhook request that names one account."""

    delivery_key: str
    account_id: str
    events: bytes
    event_record_ids: tuple[str, ...]  # for each of the events, the record of a person that it is about, or empty
    touches: tuple[Touch, ...]
    event_count: int
    ignored_count: int  # of these, touching nothing
    not_understood: int  # of these, ignored since nobody knows what they say, not since they are not synced


class UnreadableBodyError(Exception):
    """The body is no JSON array of events. `reason` is stable."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class AppMismatchError(Exception):
    """An event names another app than the one whose secret signed the request."""


Headers = Sequence[tuple[bytes, bytes]]  # as ASGI gives them: names in lower case


class Proof(NamedTuple):
    """Outcome of checking a request. `refusal` is a stable reason, or empty if the request is genuine."""

    refusal: str
    detail: str
    app_ids: frozenset[str] = frozenset()


class Provider(Protocol):
    """One CRM as the webhook door sees it."""

    @property
    def slug(self) -> str:
        """Name in paths and contracts, e.g. `hubspot`."""
        ...

    @property
    def title(self) -> str:
        """Name for people, e.g. `HubSpot`."""
        ...

    @property
    def kept_headers(self) -> frozenset[bytes]:
        """Headers worth keeping with a delivery, lower case; never a signature."""
        ...

    @property
    def proof_headers(self) -> frozenset[bytes]:
        """Headers that `prove` looks at, lower case."""
        ...

    @property
    def ready(self) -> bool:
        """False while no secret is configured: then nothing is accepted."""
        ...

    def prove(self, *, method: bytes, url: bytes, headers: Headers, body: bytes, now_ms: int) -> Proof:
        """Say whether the CRM itself sent this request. `url` is the public one, with the query as received."""
        ...

    def parse(self, body: bytes, app_ids: frozenset[str]) -> Sequence[ParsedDelivery]:
        """Translate a body, one delivery per account; what an event says need not be understood for it to be kept.

        Raises UnreadableBodyError or AppMismatchError.
        """
        ...

    def show(self, events: bytes, most: int | None = None) -> Sequence[ShownEvent]:
        """Translate the events of a kept delivery for people; so many of them at most, as each takes its time.

        Never raises; unreadable ones are left out.
        """
        ...

    def check(self, app_id: str) -> Check:
        """Say whether webhooks of this app can be verified; an empty id is any app."""
        ...


Registry = Mapping[str, Provider]
