"""How the console lets people sign in with their organisation's OpenID provider."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from webhook_gateway.environment import Environment, http_url
from webhook_gateway.tls import needed

_CLAIM = re.compile(r"[A-Za-z0-9_.:/-]{1,200}")


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """A client at an OpenID provider. The `claim` of a person names a tenant and a role, as `tenant:role`."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    claim: str


def read_oidc(env: Environment) -> OidcSettings | None:
    """Read the settings; None if no provider is named. What is missing or wrong is noted as a fault."""
    issuer = env.checked("OIDC_ISSUER", "", _issuer)
    client_id = env.text("OIDC_CLIENT_ID", "")
    secret = env.secret("OIDC_CLIENT_SECRET", str) or ""
    claim = env.checked("OIDC_CLAIM", "leadsync", _claim)
    if not issuer:
        return None
    for name, value in (("OIDC_CLIENT_ID", client_id), ("OIDC_CLIENT_SECRET", secret)):
        if not value:
            env.faults.append(f"{name} is required with OIDC_ISSUER")
    return OidcSettings(issuer, client_id, secret, claim)


def safe_address(text: str) -> str:
    """Check an address to which secrets are sent; it ends without a slash. Raises ValueError."""
    address = http_url(text)
    if not address.startswith("https://") and needed(urlsplit(address).hostname or ""):
        raise ValueError("must be an https address, or one of this machine")
    return address


def _issuer(text: str) -> str:
    return safe_address(text) if text else ""


def _claim(text: str) -> str:
    if not _CLAIM.fullmatch(text):
        raise ValueError("must be the name of a claim")
    return text
