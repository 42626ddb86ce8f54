"""HubSpot's settings: its client secrets, and whether the older signature counts."""

from webhook_gateway.environment import Environment
from webhook_gateway.providers.hubspot.provider import HubSpot
from webhook_gateway.providers.hubspot.signatures import Secret, parse_secrets

_SECRET, _SECRET_ALIAS = "HUBSPOT_CLIENT_SECRET", "HUBSPOT_WEBHOOK_SECRET"


def read_provider(env: Environment, *, allow_unsigned: bool) -> HubSpot:
    """Make the provider; `env` gathers what is wrong with its variables."""
    name = _SECRET if env.has_secret(_SECRET) else _SECRET_ALIAS
    return HubSpot(
        secrets=env.secret(name, _secrets),
        allow_v1=env.flag("HUBSPOT_ALLOW_V1_SIGNATURES"),
        allow_unsigned=allow_unsigned,
    )


def _secrets(text: str) -> tuple[Secret, ...]:
    return parse_secrets(text) if text else ()
