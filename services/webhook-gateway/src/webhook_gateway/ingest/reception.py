"""Verifies, translates and keeps a webhook request, whether it has just arrived or comes from quarantine."""

from webhook_gateway.ingest.admission import AdmittedRequest
from webhook_gateway.ingest.intake import Delivery, Intake
from webhook_gateway.problem import NotVerifiedError
from webhook_gateway.providers.base import Headers, Provider, WebhookRequest

_MAX_HEADER = 256  # characters


class Reception:
    """Receives webhook requests."""

    def __init__(self, intake: Intake, api_url: str) -> None:
        self._intake = intake
        self._api_url = api_url.encode()

    async def receive(self, provider: Provider, request: WebhookRequest, admitted: AdmittedRequest) -> tuple[int, int]:
        """Keep what a request holds; answers the numbers of events newly kept and of events kept before.

        Raises NotVerifiedError, NotKeptError, or Problem 400 for a body that is not the provider's.
        """
        deliveries = self._translate(provider, request)
        duplicates = await self._intake.keep(deliveries, admitted)
        totals = {False: 0, True: 0}
        for item, duplicate in zip(deliveries, duplicates, strict=True):
            totals[duplicate] += item.parsed.event_count
        return totals[False], totals[True]

    def verify(self, provider: Provider, request: WebhookRequest) -> frozenset[str]:
        """Check that the CRM itself sent a request; answers as `Provider.verify`. Raises NotVerifiedError."""
        if not provider.ready:
            detail = "no client secret is configured, so nothing can be believed"
            raise NotVerifiedError("webhooks_not_configured", detail, 503)
        return provider.verify(request, self._api_url + request.target)

    def _translate(self, provider: Provider, request: WebhookRequest) -> list[Delivery]:
        app_ids = self.verify(provider, request)
        headers = readable(request.headers, provider.kept_headers)
        return [
            Delivery(provider.slug, parsed, headers, request.received_at_ms)
            for parsed in provider.parse(request, app_ids)
        ]


def readable(headers: Headers, wanted: frozenset[bytes]) -> dict[str, str]:
    """Take some headers as text, cut to a bounded length."""
    return {name.decode("latin-1"): value[:_MAX_HEADER].decode("latin-1") for name, value in headers if name in wanted}
