"""The CRMs whose webhooks are understood; another CRM is one file beside `hubspot.py` and one line here."""

from webhook_gateway.model.integrations import Check
from webhook_gateway.model.work import ShownEvent
from webhook_gateway.providers import hubspot
from webhook_gateway.providers.base import Headers, ParsedDelivery, Proof, Registry
from webhook_gateway.settings import Settings
from webhook_gateway.signatures import PROOF_HEADERS, Refusal, Secret, SignedRequest, verify

_DETAILS = {
    Refusal.MISSING: "the request carries no signature that is accepted here",
    Refusal.INVALID: "the signature does not fit the request",
    Refusal.STALE: "the request was signed more than five minutes away from now",
}
_PROVEN = Proof("", "")


class HubSpot:
    """HubSpot at the door: its secrets and its events."""

    slug = "hubspot"
    title = "HubSpot"
    kept_headers = frozenset({b"user-agent", b"x-hubspot-request-timestamp", b"content-type"})
    proof_headers = PROOF_HEADERS

    def __init__(self, secrets: tuple[Secret, ...], *, allow_v1: bool, allow_unsigned: bool) -> None:
        self._secrets = secrets
        self._allow_v1 = allow_v1
        self._allow_unsigned = allow_unsigned

    @property
    def ready(self) -> bool:
        """True once a secret is configured, or unsigned requests are allowed on purpose."""
        return bool(self._secrets) or self._allow_unsigned

    def prove(self, *, method: bytes, url: bytes, headers: Headers, body: bytes, now_ms: int) -> Proof:
        """Check the signature; without any secret, believe everybody if that was asked for."""
        if not self._secrets:
            return _PROVEN
        request = SignedRequest(method, url, headers, body)
        decision = verify(request, self._secrets, now_ms=now_ms, allow_v1=self._allow_v1)
        if decision.refusal is not None:
            return Proof(decision.refusal.value, _DETAILS[decision.refusal])
        apps = {secret.app_id for secret in decision.secrets}
        # A secret without an app id speaks for any app, so it lifts the restriction.
        return _PROVEN if "" in apps else Proof("", "", frozenset(apps))

    def parse(self, body: bytes, app_ids: frozenset[str]) -> list[ParsedDelivery]:
        """Translate a body, one delivery per portal."""
        return hubspot.parse(body, app_ids)

    def show(self, events: bytes, most: int | None = None) -> list[ShownEvent]:
        """Translate the events of a kept delivery for people; so many of them at most."""
        return hubspot.show(events, most)

    def check(self, app_id: str) -> Check:
        """Say whether webhooks of this app can be verified."""
        fix = f"Set HUBSPOT_CLIENT_SECRET to the client secret of app {app_id or 'in HubSpot'} and start again."
        if not self._secrets and self._allow_unsigned:
            return Check("secret", "warning", "Webhooks are believed without a signature.", fix)
        if not self._secrets:
            return Check("secret", "failed", "No client secret is configured, so webhooks are refused.", fix)
        if app_id and all(secret.app_id not in {"", app_id} for secret in self._secrets):
            return Check("secret", "failed", "The configured client secrets are of other apps.", fix)
        return Check("secret", "ok", "Webhooks are verified with a client secret.")


def build_registry(settings: Settings) -> Registry:
    """Make the providers that this process serves, by slug."""
    provider = HubSpot(
        settings.hubspot_secrets,
        allow_v1=settings.hubspot_allow_v1,
        allow_unsigned=settings.allow_unsigned,
    )
    return {provider.slug: provider}
