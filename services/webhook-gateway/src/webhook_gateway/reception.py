"""What happens to a webhook request, just come or out of quarantine: it is proved, translated and kept."""

from dataclasses import dataclass, field

from webhook_gateway.admission import Slot
from webhook_gateway.intake import Delivery, Intake
from webhook_gateway.providers.base import AppMismatchError, Headers, Provider

NOT_CONFIGURED = "webhooks_not_configured"
_MAX_HEADER = 256


@dataclass(slots=True)
class WebhookRequest:
    """A POST to a provider's door, as it came in."""

    provider: Provider
    target: bytes = field(repr=False)  # path and query as received
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    received_at_ms: int


class DisbelievedError(Exception):
    """Nobody can say that the CRM itself sent a request. `reason` is stable."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Reception:
    """Receives webhook requests."""

    def __init__(self, intake: Intake, api_url: str) -> None:
        self._intake = intake
        self._api_url = api_url.encode()

    def admit(self) -> Slot:
        """Make room for a request. Raises NotKeptError at once."""
        return self._intake.admit()

    async def receive(self, request: WebhookRequest, slot: Slot) -> tuple[int, int]:
        """Keep what a request holds; the numbers are events newly kept and events kept before.

        Raises DisbelievedError, UnreadableBodyError or NotKeptError.
        """
        deliveries = self._translate(request)
        duplicates = await self._intake.keep(deliveries, slot)
        totals = {False: 0, True: 0}
        for item, duplicate in zip(deliveries, duplicates, strict=True):
            totals[duplicate] += item.parsed.event_count
        return totals[False], totals[True]

    def _translate(self, request: WebhookRequest) -> list[Delivery]:
        provider = request.provider
        if not provider.ready:
            raise DisbelievedError(NOT_CONFIGURED, "no client secret is configured, so nothing can be believed")
        proof = provider.prove(
            method=b"POST",
            url=self._api_url + request.target,
            headers=request.headers,
            body=request.body,
            now_ms=request.received_at_ms,
        )
        if proof.refusal:
            raise DisbelievedError(proof.refusal, proof.detail)
        try:
            parsed = provider.parse(request.body, proof.app_ids)
        except AppMismatchError as error:
            raise DisbelievedError("app_mismatch", "an event is of another app than the signature") from error
        headers = readable(request.headers, provider.kept_headers)
        return [Delivery(provider.slug, item, headers, request.received_at_ms) for item in parsed]


def readable(headers: Headers, wanted: frozenset[bytes]) -> dict[str, str]:
    """Some headers as text, cut to a bounded length."""
    return {name.decode("latin-1"): value[:_MAX_HEADER].decode("latin-1") for name, value in headers if name in wanted}
