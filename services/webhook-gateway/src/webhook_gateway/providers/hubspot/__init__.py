"""HubSpot's webhooks: signed POSTs, each a JSON array of events."""

from webhook_gateway.providers.hubspot.provider import SECURITY_SCHEME, SLUG, HubSpot
from webhook_gateway.providers.hubspot.settings import read_provider

__all__ = ["SECURITY_SCHEME", "SLUG", "HubSpot", "read_provider"]
