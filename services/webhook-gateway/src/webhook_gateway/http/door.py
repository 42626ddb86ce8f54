"""The webhook door: let in, read, receive, acknowledge, in this order. Raw ASGI, since it is the fast path."""

import time
from functools import lru_cache

import msgspec
import structlog
from starlette.types import Message, Receive, Scope, Send

from webhook_gateway.admission import NotKeptError, OverQuotaError
from webhook_gateway.http.body import BodyReader
from webhook_gateway.http.problems import RETRY_SECONDS, Problem
from webhook_gateway.logs import LineBudget
from webhook_gateway.metrics import Metrics
from webhook_gateway.providers.base import Provider, Registry, UnreadableBodyError
from webhook_gateway.quarantine import Quarantine
from webhook_gateway.reception import NOT_CONFIGURED, DisbelievedError, Reception, WebhookRequest

_JSON = (b"content-type", b"application/json")


class WebhookDoor:
    """Takes webhooks of every known provider."""

    def __init__(
        self, registry: Registry, reception: Reception, quarantine: Quarantine, metrics: Metrics, lines: LineBudget
    ) -> None:
        self._registry = registry
        self._reception = reception
        self._quarantine = quarantine
        self._metrics = metrics
        self._lines = lines
        self._bodies = BodyReader()

    def provider(self, slug: str) -> Provider:
        """Find a provider. Raises Problem 404 unknown_provider."""
        provider = self._registry.get(slug)
        if provider is None:
            raise Problem(404, "unknown_provider", "no CRM of this name is known here")
        return provider

    async def __call__(self, slug: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST. Raises Problem for all that is not kept."""
        provider = self.provider(slug)
        try:
            with self._reception.admit() as slot:
                request = _request(provider, scope, await self._bodies.read(receive, slot))
                accepted, repeated = await self._reception.receive(request, slot)
        except NotKeptError as error:
            raise self._not_kept(error) from error
        except DisbelievedError as error:
            raise self._disbelieved(request, error) from error
        except UnreadableBodyError as error:
            raise Problem(400, error.reason, error.detail) from error
        await _answer(send, accepted, repeated)

    def _disbelieved(self, request: WebhookRequest, error: DisbelievedError) -> Problem:
        provider = request.provider.slug
        self._metrics.signature_failures.labels(provider, error.reason).inc()
        self._quarantine.offer(request, error.reason)
        if self._lines.take(1):
            structlog.get_logger().warning("webhook not believed", provider=provider, reason=error.reason)
        return Problem(503 if error.reason == NOT_CONFIGURED else 401, error.reason, error.detail)

    def _not_kept(self, error: NotKeptError) -> Problem:
        self._metrics.not_kept.labels(error.reason).inc()
        if isinstance(error, OverQuotaError):
            later = {"retry-after": str(RETRY_SECONDS)}
            return Problem(429, error.reason, "this account has too much on its way; send it again", headers=later)
        return Problem(503, error.reason, "the events could not be kept; send them again")


def _request(provider: Provider, scope: Scope, body: bytes) -> WebhookRequest:
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    return WebhookRequest(provider, target, scope["headers"], body, time.time_ns() // 1_000_000)


async def _answer(send: Send, accepted: int, duplicates: int) -> None:
    start, body = _acknowledgement(accepted, duplicates)
    await send(start)
    await send(body)


@lru_cache
def _acknowledgement(accepted: int, duplicates: int) -> tuple[Message, Message]:
    body = msgspec.json.encode({"accepted": accepted, "duplicates": duplicates})
    headers = [_JSON, (b"content-length", str(len(body)).encode())]
    return (
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": body},
    )
