"""The CRMs whose webhooks are accepted. A further CRM is a folder beside `hubspot` and a line in each table here."""

from collections.abc import Mapping

from webhook_gateway.environment import Environment
from webhook_gateway.problem import Problem
from webhook_gateway.providers import hubspot
from webhook_gateway.providers.base import Provider, Registry, SecurityScheme

_READERS = {hubspot.SLUG: hubspot.read_provider}
SECURITY_SCHEMES: Mapping[str, SecurityScheme] = {hubspot.SLUG: hubspot.SECURITY_SCHEME}


def read_providers(env: Environment, *, allow_unsigned: bool) -> Registry:
    """Make every provider with its settings. `env` gathers what is wrong with these."""
    return {slug: read(env, allow_unsigned=allow_unsigned) for slug, read in _READERS.items()}


def find_provider(registry: Registry, slug: str) -> Provider:
    """Find a provider. Raises Problem 404 unknown_provider."""
    provider = registry.get(slug)
    if provider is None:
        raise Problem(404, "unknown_provider", "no CRM of this name is known here")
    return provider
