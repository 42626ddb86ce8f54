"""The operations of the webhook addresses."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from webhook_gateway.http.calling import Call, Services, answer


async def receive_webhook(services: Services, scope: Scope, receive: Receive, send: Send) -> None:
    """POST /api/v1/webhooks/{provider} → 200 once the events are kept."""
    await services.door(scope["path_params"]["provider"], scope, receive, send)


async def webhook_ready(call: Call) -> Response:
    """GET /api/v1/webhooks/{provider}: the address is right; `ready` is false while no secret is configured."""
    provider = call.services.door.provider(call.path("provider"))
    return answer({"provider": provider.slug, "ready": provider.ready})
