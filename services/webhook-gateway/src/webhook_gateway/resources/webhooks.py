"""The webhook addresses."""

from typing import Any

from msgspec import Struct

from webhook_gateway.providers.base import Registry
from webhook_gateway.providers.registry import find_provider
from webhook_gateway.resources.operation import operation
from webhook_gateway.resources.reasons import NO_PROVIDER, STORE, Reasons

ADDRESS = "/api/v1/webhooks/{provider}"
WEBHOOK: Reasons = {
    400: ("malformed_json", "not_an_event_array", "body_incomplete"),
    401: ("signature_missing", "signature_invalid", "signature_stale", "app_mismatch"),
    408: ("body_timeout",),
    413: ("body_too_large",),
    429: ("account_over_quota",),
    503: ("webhooks_not_configured", "intake_full", "queue_timeout", "delivery_refused", "answer_mismatch", "internal"),
}


class Kept(Struct):
    """How many events were kept now, and how many had been kept before."""

    accepted: int
    duplicates: int


class WebhookAddress(Struct):
    """A webhook address; `ready` is false while no secret is configured."""

    provider: str
    ready: bool


class Webhooks:
    """Describes the webhook addresses. Webhooks of known providers are received by `ingest`, not here."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @operation("POST", ADDRESS, NO_PROVIDER, STORE, WEBHOOK, signed_body=list[dict[str, Any]])
    async def receive_webhook(self, provider: str) -> Kept:
        """Keep the events of a CRM; they are durable once this is answered."""
        find_provider(self._registry, provider)
        raise AssertionError("the webhooks of a known provider are received before the routes")

    @operation("GET", ADDRESS, NO_PROVIDER)
    async def webhook_ready(self, provider: str) -> WebhookAddress:
        """Say that this is the address for a CRM's webhooks."""
        return WebhookAddress(provider, find_provider(self._registry, provider).ready)
