"""The operations of the webhook addresses, and of what was refused there."""

from collections.abc import Awaitable

from msgspec import Struct
from starlette.types import Receive, Scope, Send

from webhook_gateway.http.calling import Call, Services
from webhook_gateway.model.quarantine import VerifiedAgain


class Kept(Struct):
    """How many events were kept now, and how many had been kept before."""

    accepted: int
    duplicates: int


class Door(Struct):
    """A webhook address; `ready` is false while no secret is configured."""

    provider: str
    ready: bool


def receive_webhook(services: Services, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Keep the events of a CRM; they are durable once this is answered."""
    return services.door(scope["path_params"]["provider"], scope, receive, send)


async def webhook_ready(call: Call, provider: str) -> Door:
    """Say that this is the address for a CRM's webhooks."""
    return Door(provider, call.services.door.provider(provider).ready)


async def verify_again(call: Call) -> VerifiedAgain:
    """Verify quarantined webhooks with the present secrets and address, and keep those that pass; of all tenants."""
    return await call.services.second_look.verify_again()
