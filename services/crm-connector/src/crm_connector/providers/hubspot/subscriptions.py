"""Webhook subscriptions of a legacy public app (HubSpot, "Webhooks API").

The developer key is part of the query, as HubSpot wants it: nothing in this folder puts an address into an error or a
log line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from crm_connector.crm import CrmSubscription
from crm_connector.domain.errors import AuthFailedError, CrmRejectedError, MissingScopesError, PreconditionError
from crm_connector.providers.hubspot.client import Answer
from crm_connector.providers.hubspot.errors import error_of
from crm_connector.providers.hubspot.parts import chunks
from crm_connector.providers.hubspot.paths import Paths
from crm_connector.providers.hubspot.transport import Transport
from crm_connector.providers.hubspot.wire import Subscriptions, SubscriptionWire, WebhookSettings

LIFECYCLE_EVENTS = (
    "contact.creation",
    "contact.deletion",
    "contact.merge",
    "contact.restore",
    "contact.privacyDeletion",
)
PROPERTY_CHANGE = "contact.propertyChange"
# Requests that HubSpot keeps in flight per account; its default, and more than five is required.
_CONCURRENT_REQUESTS = 10


def wanted(properties: Sequence[str]) -> list[tuple[str, str]]:
    """Give the subscriptions that the mapped properties need: HubSpot has no wildcard."""
    return [(event, "") for event in LIFECYCLE_EVENTS] + [(PROPERTY_CHANGE, name) for name in sorted(set(properties))]


@dataclass(frozen=True, slots=True)
class AppWebhooks:
    """The subscriptions of one app."""

    transport: Transport
    paths: Paths
    app_id: str
    developer_key: str = field(repr=False)

    def target(self) -> str:
        """Ask where all webhooks of the app are sent to."""
        try:
            return self._call("GET", "settings").as_(WebhookSettings).target_url
        except CrmRejectedError as error:
            if error.status != 404:
                raise
            return ""

    def set_target(self, url: str) -> None:
        """Make HubSpot send all webhooks of the app to `url`."""
        throttling = {"maxConcurrentRequests": _CONCURRENT_REQUESTS}
        self._call("PUT", "settings", {"targetUrl": url, "throttling": throttling})

    def list(self) -> list[CrmSubscription]:
        """List all subscriptions."""
        return [_subscription(found) for found in self._call("GET", "subscriptions").as_(Subscriptions).results]

    def create(self, event: str, name: str) -> CrmSubscription:
        """Subscribe, active from the start (HubSpot's default is paused). It is no error if somebody else just has."""
        body = {"eventType": event, "active": True} | ({"propertyName": name} if name else {})
        try:
            return _subscription(self._call("POST", "subscriptions", body).as_(SubscriptionWire))
        except CrmRejectedError as error:
            same = [found for found in self.list() if (found.event, found.property) == (event, name)]
            if error.status != 409 or not same:
                raise
            return same[0]

    def set_active(self, subscription_ids: Sequence[str], *, active: bool) -> None:
        """Pause or resume."""
        for part in chunks(subscription_ids, 100):
            inputs = [{"id": int(subscription_id), "active": active} for subscription_id in part]
            self._call("POST", "subscriptions/batch/update", {"inputs": inputs})

    def remove(self, subscription_id: str) -> None:
        """Remove one; it is no error if it is gone."""
        try:
            self._call("DELETE", f"subscriptions/{int(subscription_id)}")
        except CrmRejectedError as error:
            if error.status != 404:
                raise

    def _call(self, method: str, tail: str, body: Any = None) -> Answer:
        path = self.paths.webhooks(self.app_id, tail)
        status, answer, headers = self.transport.send(method, path, json=body, params={"hapikey": self.developer_key})
        if status >= 300:
            error = error_of(status, answer, headers)
            if isinstance(error, (AuthFailedError, MissingScopesError)):
                message = "HubSpot refuses HUBSPOT_DEVELOPER_API_KEY for this app. Check the key and the app id."
                raise PreconditionError("developer_key_refused", message)
            raise error
        return Answer(status, answer)


def instructions(url: str, properties: Sequence[str]) -> str:
    """Say what to click where HubSpot has no API for it."""
    return (
        "leadsync can manage webhooks only for a public HubSpot app, with HUBSPOT_DEVELOPER_API_KEY set. For a private "
        "app: open HubSpot > Settings > Integrations > Private Apps > your app > Webhooks, set the target URL to "
        f"{url}, subscribe to contact created, deleted, merged, restored and privacy deleted, and to changes of the "
        f"properties {', '.join(sorted(set(properties)))}, then activate them. For a project app: put the same URL and "
        "events into webhooks-hsmeta.json and run `hs project upload`."
    )


def _subscription(found: SubscriptionWire) -> CrmSubscription:
    return CrmSubscription(str(found.id), found.event_type, found.property_name or "", active=found.active)
