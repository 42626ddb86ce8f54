"""What every handler gets: who is calling, and the services behind the door."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from typing import Any

from starlette.types import Receive, Scope, Send

from webhook_gateway.clients.calls import Client
from webhook_gateway.clients.conflicts import ConflictClient
from webhook_gateway.clients.health import HealthClient
from webhook_gateway.clients.inbox import InboxClient
from webhook_gateway.clients.integrations import IntegrationClient
from webhook_gateway.clients.leads import LeadClient
from webhook_gateway.clients.matches import MatchClient
from webhook_gateway.clients.quarantine import QuarantineClient
from webhook_gateway.clients.runs import RunClient
from webhook_gateway.clients.sync import SyncClient
from webhook_gateway.http.auth import Caller, Tokens
from webhook_gateway.http.door import WebhookDoor
from webhook_gateway.metrics import Metrics
from webhook_gateway.verifying import SecondLook


@dataclass(frozen=True, slots=True)
class Services:
    """All that handlers work with; built by bootstrap."""

    door: WebhookDoor
    inbox: InboxClient
    quarantine: QuarantineClient
    second_look: SecondLook
    leads: LeadClient
    conflicts: ConflictClient
    matches: MatchClient
    integrations: IntegrationClient
    runs: RunClient
    sync: SyncClient
    store_health: HealthClient
    tokens: Tokens
    metrics: Metrics

    def client(self, name: str) -> Client:
        """Find the client of this class."""
        parts = (getattr(self, field.name) for field in fields(self))
        return next(part for part in parts if isinstance(part, Client) and type(part).__name__ == name)


@dataclass(frozen=True, slots=True)
class Call:
    """One request of one caller."""

    caller: Caller
    services: Services

    @property
    def tenant(self) -> str:
        """Tenant of the caller."""
        return self.caller.tenant


# Takes, by name, what its signature asks for: see `operation`.
Handler = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class RawHandler:
    """A handler that speaks ASGI itself, for the fast path; it raises Problem like any other."""

    run: Callable[[Services, Scope, Receive, Send], Awaitable[None]]
    body: Any
    answer: Any
