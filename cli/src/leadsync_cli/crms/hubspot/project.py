"""The file that declares the webhooks of an app on HubSpot's developer platform ("Configure webhooks"). Pure."""

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

PATH = PurePosixPath("src/app/webhooks/webhooks-hsmeta.json")
CONCURRENT_REQUESTS = 10  # open requests per account; HubSpot's default
_PROPERTY_CHANGE = "propertyChange"
_PRIVACY_DELETION = "contact.privacyDeletion"  # has no generic form


def webhooks_file(url: str, events: Iterable[str], properties: Iterable[str]) -> dict[str, Any]:
    """Return the file's content for the address that HubSpot calls, `contact.*` events, and the mapped properties."""
    wanted = dict.fromkeys(events)
    actions = [name.removeprefix("contact.") for name in wanted if name != _PRIVACY_DELETION]
    lifecycle = [_subscription(action) for action in actions if action != _PROPERTY_CHANGE]
    changes = [_subscription(_PROPERTY_CHANGE) | {"propertyName": name} for name in sorted(set(properties))]
    subscriptions: dict[str, Any] = {"crmObjects": lifecycle + (changes if _PROPERTY_CHANGE in actions else [])}
    if _PRIVACY_DELETION in wanted:
        subscriptions["hubEvents"] = [{"subscriptionType": _PRIVACY_DELETION, "active": True}]
    settings = {"targetUrl": url, "maxConcurrentRequests": CONCURRENT_REQUESTS}
    config = {"settings": settings, "subscriptions": subscriptions}
    return {"uid": "webhooks", "type": "webhooks", "config": config}


def _subscription(action: str) -> dict[str, Any]:
    return {"subscriptionType": f"object.{action}", "objectType": "contact", "active": True}
