"""The apps that are installed in accounts: their credentials and their webhook settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hubspot_simulator.core.clock import Clock, iso
from hubspot_simulator.core.errors import resource_not_found, validation
from hubspot_simulator.core.subscriptions import SubscriptionBook

ALL_SCOPES = (
    "oauth", "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
)  # fmt: skip
MIN_CONCURRENCY = 5
DEFAULT_CONCURRENCY = 10


@dataclass(slots=True)
class App:
    """One app. `portals` are the accounts that installed it."""

    id: int
    client_id: str
    client_secret: str
    developer_key: str
    subscriptions: SubscriptionBook
    label: str = "leadsync"
    portals: set[int] = field(default_factory=set)
    scopes: tuple[str, ...] = ALL_SCOPES
    target_url: str | None = None
    max_concurrent: int = DEFAULT_CONCURRENCY
    settings_created_ms: int = 0
    settings_updated_ms: int | None = None

    def configure(self, body: Mapping[str, Any], clock: Clock) -> None:
        """Set the target URL and the concurrency, which must exceed 5 (webhooks guide)."""
        url = body.get("targetUrl")
        throttling = body.get("throttling") or {}
        limit = throttling.get("maxConcurrentRequests", DEFAULT_CONCURRENCY)
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise validation("targetUrl must be a URL")
        if not isinstance(limit, int) or limit <= MIN_CONCURRENCY:
            raise validation(f"maxConcurrentRequests must be greater than {MIN_CONCURRENCY}")
        now = clock.now_ms()
        if self.target_url is None:
            self.settings_created_ms, self.settings_updated_ms = now, None
        else:
            self.settings_updated_ms = now
        self.target_url, self.max_concurrent = url, limit

    def clear_settings(self) -> None:
        """Forget the target URL; subscriptions stay but are paused (public spec)."""
        self.settings()
        self.target_url = None
        for subscription in self.subscriptions:
            subscription.active = False

    def settings(self) -> dict[str, Any]:
        """The webhook settings, or 404 while there are none."""
        if self.target_url is None:
            raise resource_not_found()
        body: dict[str, Any] = {
            "targetUrl": self.target_url,
            "throttling": {"maxConcurrentRequests": self.max_concurrent},
            "createdAt": iso(self.settings_created_ms),
        }
        if self.settings_updated_ms is not None:
            body["updatedAt"] = iso(self.settings_updated_ms)
        return body
