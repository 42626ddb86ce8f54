"""The port for webhooks of a CRM: what each provider offers, and the types that it answers with. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Protocol

from msgspec import Struct


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
    """The part of a webhook request that is of one account."""

    delivery_key: str
    account_id: str
    events: bytes
    event_record_ids: tuple[str, ...]  # for each of the events, the record of a person that it is about, or empty
    touches: tuple[Touch, ...]
    event_count: int
    ignored_count: int  # of the events, those that touch nothing
    not_understood: int  # of the ignored events, those whose meaning is unknown; the others are known and not synced


class CrmEvent(Struct, rename="camel"):
    """One event of a delivery, in the CRM's words. `ignored`: it is of a kind that is not synced."""

    type: str
    object_type: str
    record_id: str | None
    property: str | None
    value: str | None
    occurred_at: datetime | None
    source: str | None
    merged_record_ids: list[str]
    ignored: bool


class Check(Struct, rename="camel"):
    """One thing that a sync needs: how it is, and what to do about it."""

    name: str
    state: Literal["ok", "warning", "failed"]
    finding: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One thing that an administrator does in the CRM. `copy` are texts to paste there."""

    text: str
    copy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CredentialField:
    """One part of a credential, by its name in the API."""

    name: str
    label: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Setup:
    """How an account is connected: what to do in the CRM, and what to bring back."""

    summary: str
    steps: tuple[SetupStep, ...]
    credential: tuple[CredentialField, ...]


Headers = Sequence[tuple[bytes, bytes]]  # as ASGI gives them: names in lower case


@dataclass(slots=True)  # not frozen: one is made for each request
class WebhookRequest:
    """A POST to a provider's webhook address, as it came in."""

    target: bytes = field(repr=False)  # path and query as received
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    received_at_ms: int


class Provider(Protocol):
    """The webhooks of one CRM."""

    @property
    def slug(self) -> str:
        """Name in paths and contracts, in lower case."""
        ...

    @property
    def title(self) -> str:
        """Name for people."""
        ...

    @property
    def kept_headers(self) -> frozenset[bytes]:
        """Headers that are kept with a delivery, lower case; never a proof."""
        ...

    @property
    def proof_headers(self) -> frozenset[bytes]:
        """Headers that `verify` reads, lower case; they are kept with a request in quarantine."""
        ...

    @property
    def ready(self) -> bool:
        """False while no secret is configured: then nothing is accepted."""
        ...

    def verify(self, request: WebhookRequest, url: bytes) -> frozenset[str]:
        """Check that the CRM itself sent a request. `url` is the public one, with the query as received.

        Answers the ids of the apps that the proof speaks for; empty = any app. Raises NotVerifiedError.
        """
        ...

    def has_proof(self, request: WebhookRequest) -> bool:
        """Whether the headers carry anything that `verify` could accept, with whatever secret and body."""
        ...

    def parse(self, request: WebhookRequest, app_ids: frozenset[str]) -> Sequence[ParsedDelivery]:
        """Translate a verified request into one delivery per account; an event is kept even if it is not understood.

        Raises Problem 400 if the body is not what this CRM sends, or NotVerifiedError if an event is of another app.
        """
        ...

    def show(self, events: bytes, most: int | None = None) -> Sequence[CrmEvent]:
        """Translate the events of a kept delivery for people, `most` of them at most, as each takes its time.

        Never raises; unreadable events are left out.
        """
        ...

    def check(self, app_id: str) -> Check:
        """Say whether webhooks of this app can be verified; an empty id is any app."""
        ...

    def setup(self, api_url: str) -> Setup:
        """Say how an account is connected to the service at this public address."""
        ...


Registry = Mapping[str, Provider]  # by slug
SecurityScheme = Mapping[str, Any]  # of OpenAPI: how a provider's requests are proved
