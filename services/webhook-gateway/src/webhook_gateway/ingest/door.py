"""The webhook endpoint: admit, read, verify, keep, acknowledge. It speaks ASGI itself, since it is the fast path."""

import time
from functools import lru_cache

import msgspec
from starlette.types import Message, Receive, Scope, Send

from webhook_gateway.ingest.body import MAX_BODY, BodyReader, too_large
from webhook_gateway.ingest.intake import Intake
from webhook_gateway.ingest.quarantine import Quarantine
from webhook_gateway.ingest.reception import Reception
from webhook_gateway.logs import ThinnedLines
from webhook_gateway.metrics import Metrics
from webhook_gateway.problem import NotKeptError, NotVerifiedError
from webhook_gateway.providers.base import Provider, WebhookRequest
from webhook_gateway.senders import sender_of

_JSON = (b"content-type", b"application/json")


class WebhookEndpoint:
    """Receives the webhooks of one provider."""

    path = "/api/v1/webhooks/{provider}"  # the label of its metrics

    def __init__(
        self,
        provider: Provider,
        intake: Intake,
        reception: Reception,
        quarantine: Quarantine,
        metrics: Metrics,
        lines: ThinnedLines,
    ) -> None:
        self._provider = provider
        self._bodies = BodyReader()
        self._intake = intake
        self._reception = reception
        self._quarantine = quarantine
        self._metrics = metrics
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST. Raises Problem for everything that is not kept."""
        request = _request(scope)
        try:
            self._check_head(request)
            with self._intake.admit(sender_of(scope["client"])) as admitted:
                request.body = await self._bodies.read(receive, admitted)
                accepted, duplicates = await self._reception.receive(self._provider, request, admitted)
        except NotKeptError as problem:
            self._metrics.not_kept.labels(problem.reason).inc()
            raise
        except NotVerifiedError as problem:
            self._not_verified(request, problem)
            raise
        start, body = _acknowledgement(accepted, duplicates)
        await send(start)
        await send(body)

    def _check_head(self, request: WebhookRequest) -> None:
        """Refuse a request that no body could save, before its body is read. Raises Problem."""
        if not self._provider.has_proof(request):
            self._reception.verify(self._provider, request)
        sizes = [value for name, value in request.headers if name == b"content-length"]
        if sizes and int(sizes[0]) > MAX_BODY:  # the parser has refused what is no number
            raise too_large()

    def _not_verified(self, request: WebhookRequest, problem: NotVerifiedError) -> None:
        provider = self._provider
        self._metrics.signature_failures.labels(provider.slug, problem.reason).inc()
        self._quarantine.offer(provider, request, problem.reason)
        self._lines.warning("webhook not verified", provider=provider.slug, reason=problem.reason)


def _request(scope: Scope) -> WebhookRequest:
    """Make a request whose body has not come yet."""
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    return WebhookRequest(target, scope["headers"], b"", time.time_ns() // 1_000_000)


@lru_cache
def _acknowledgement(accepted: int, duplicates: int) -> tuple[Message, Message]:
    body = msgspec.json.encode({"accepted": accepted, "duplicates": duplicates})
    headers = [_JSON, (b"content-length", str(len(body)).encode())]
    return (
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": body},
    )
