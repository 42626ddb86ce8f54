"""HubSpot as a provider of webhooks. Pure."""

from dataclasses import dataclass, field

from webhook_gateway.providers.base import Check, CrmEvent, ParsedDelivery, Setup, WebhookRequest
from webhook_gateway.providers.hubspot.events import show
from webhook_gateway.providers.hubspot.setup import setup
from webhook_gateway.providers.hubspot.signatures import PROOF_HEADERS, SIGNATURE_HEADERS, Secret, SignedRequest, verify
from webhook_gateway.providers.hubspot.touches import parse

SLUG = "hubspot"
SECURITY_SCHEME = {"type": "apiKey", "in": "header", "name": "X-HubSpot-Signature-v3"}
_ANY_APP: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class HubSpot:
    """Verifies with its client secrets and reads its events. Without a secret nothing is accepted, unless allowed."""

    secrets: tuple[Secret, ...] = field(repr=False)
    allow_v1: bool = False
    allow_unsigned: bool = False

    slug = SLUG
    title = "HubSpot"
    kept_headers = frozenset({b"user-agent", b"x-hubspot-request-timestamp", b"content-type"})
    proof_headers = PROOF_HEADERS

    @property
    def ready(self) -> bool:
        """True once a secret is configured, or unsigned requests are allowed on purpose."""
        return bool(self.secrets) or self.allow_unsigned

    def verify(self, request: WebhookRequest, url: bytes) -> frozenset[str]:
        """Check the signature; without a secret every request passes, as `ready` allowed. Raises NotVerifiedError."""
        if not self.secrets:
            return _ANY_APP
        signed = SignedRequest(b"POST", url, request.headers, request.body)
        matching = verify(signed, self.secrets, now_ms=request.received_at_ms, allow_v1=self.allow_v1)
        app_ids = frozenset([secret.app_id for secret in matching])
        # A secret without an app id speaks for any app, so it lifts the restriction.
        return _ANY_APP if "" in app_ids else app_ids

    def has_proof(self, request: WebhookRequest) -> bool:
        """Whether a request carries a signature."""
        return any(name in SIGNATURE_HEADERS for name, _ in request.headers)

    def parse(self, request: WebhookRequest, app_ids: frozenset[str]) -> list[ParsedDelivery]:
        """Translate a body, one delivery per portal. Raises Problem 400, or NotVerifiedError app_mismatch."""
        return parse(request.body, app_ids)

    def show(self, events: bytes, most: int | None = None) -> list[CrmEvent]:
        """Translate the events of a kept delivery for people, `most` of them at most."""
        return show(events, most)

    def check(self, app_id: str) -> Check:
        """Say whether webhooks of this app can be verified."""
        fix = f"Set HUBSPOT_CLIENT_SECRET to the client secret of app {app_id or 'in HubSpot'} and start again."
        if not self.secrets and self.allow_unsigned:
            return Check("secret", "warning", "Webhooks are believed without a signature.", fix)
        if not self.secrets:
            return Check("secret", "failed", "No client secret is configured, so webhooks are refused.", fix)
        if app_id and all(secret.app_id not in {"", app_id} for secret in self.secrets):
            return Check("secret", "failed", "The configured client secrets are of other apps.", fix)
        return Check("secret", "ok", "Webhooks are verified with a client secret.")

    def setup(self, api_url: str) -> Setup:
        """Say how an account is connected."""
        return setup(api_url)
