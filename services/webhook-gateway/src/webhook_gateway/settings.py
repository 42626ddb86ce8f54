"""Configuration: read once from the environment, checked whole, and never shown with its secrets."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_network

from webhook_gateway.environment import Environment, address, http_url
from webhook_gateway.oidc_settings import OidcSettings, read_oidc
from webhook_gateway.providers.base import Registry
from webhook_gateway.providers.registry import read_providers
from webhook_gateway.revocations import read_revoked
from webhook_gateway.tls import TlsFiles, read_tls

MIN_TOKEN_KEY = 32  # characters; HS256 wants a key as long as its hash
MOST_PROCESSES = 64
_LEVELS = ("debug", "info", "warning", "error")
_IPV4 = re.compile(r"[0-9]+(\.[0-9]+){3}:[0-9]{1,5}")
_IPV6 = re.compile(r"\[[0-9A-Fa-f:.]+\]:[0-9]{1,5}")


class SettingsError(Exception):
    """The configuration has faults; the message names all of them, one a line."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All that can be configured about webhook-gateway."""

    host: str
    port: int
    webhook_host: str
    webhook_port: int  # serves webhooks and health only; 0 = there is none, and `port` alone serves everything
    processes: int
    account_percent: int  # of the requests and bytes that are held at once, the most that one account may have
    api_url: str
    providers: Registry = field(repr=False)  # with their own settings
    operator_tenant: str  # whose admins look after what belongs to no tenant
    trusted_proxies: tuple[str, ...]  # addresses or networks, whose X-Forwarded-For is believed
    token_days: int  # for which a token counts at most
    revoked_tokens: str  # path of the list; empty = there is none
    token_keys: tuple[str, ...] = field(repr=False)
    lead_store_url: str  # a target as gRPC names it: one or several processes
    crm_connector_url: str
    log_level: str
    oidc: OidcSettings | None = None  # of the console; None = links alone
    tls: TlsFiles | None = None  # towards the other services; None = plaintext

    @classmethod
    def from_env(cls, variables: Mapping[str, str]) -> "Settings":
        """Read the settings. Raises SettingsError with every fault, in plain words and without any secret."""
        env = Environment(variables)
        host = env.text("GATEWAY_HOST", "127.0.0.1")
        port = env.port("GATEWAY_PORT", 8080)
        settings = cls(
            host=host,
            port=port,
            webhook_host=env.text("GATEWAY_WEBHOOK_HOST", host),
            webhook_port=env.checked("GATEWAY_WEBHOOK_PORT", "", partial(_other_port, port)),
            processes=env.number("GATEWAY_PROCESSES", 1, MOST_PROCESSES),
            account_percent=env.number("GATEWAY_ACCOUNT_PERCENT", 50, 100),
            api_url=env.checked("API_URL", f"http://127.0.0.1:{port}", http_url),
            providers=read_providers(env, allow_unsigned=env.flag("LEADSYNC_ALLOW_UNSIGNED")),
            operator_tenant=env.text("LEADSYNC_OPERATOR_TENANT", "default"),
            trusted_proxies=env.checked("GATEWAY_TRUSTED_PROXIES", "", _networks),
            token_days=env.number("LEADSYNC_TOKEN_DAYS", 90, 3650),
            revoked_tokens=env.checked("LEADSYNC_REVOKED_TOKENS", "", _revoked),
            token_keys=env.secret("LEADSYNC_TOKEN_KEY", _token_keys),
            lead_store_url=env.address("LEAD_STORE_URL", "LEAD_STORE_PORT", 50051, _targets),
            crm_connector_url=env.address("CRM_CONNECTOR_URL", "CRM_CONNECTOR_PORT", 50052, address),
            log_level=env.checked("LEADSYNC_LOG_LEVEL", "info", _level),
            oidc=read_oidc(env),
            tls=read_tls(variables, "webhook-gateway", env.faults),
        )
        if env.faults:
            raise SettingsError("\n".join(env.faults))
        return settings


def _token_keys(text: str) -> tuple[str, ...]:
    if not text:
        raise ValueError("is required: the key that API tokens are signed with")
    keys = tuple(item.strip() for item in text.split(","))
    if any(len(key) < MIN_TOKEN_KEY for key in keys):
        raise ValueError(f"each key needs at least {MIN_TOKEN_KEY} characters")
    return keys


def _other_port(port: int, text: str) -> int:
    """Check the port of webhooks; 0 if there is none."""
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65_535):
        raise ValueError("must be a port, 1 to 65535")
    if int(text) == port:
        raise ValueError("must be another port than GATEWAY_PORT, which serves everything")
    return int(text)


def _networks(text: str) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(item.strip())) for item in text.split(",") if item.strip())
    except ValueError:
        raise ValueError("must be addresses or networks, such as 10.0.0.7,10.1.0.0/16") from None


def _revoked(path: str) -> str:
    read_revoked(path)
    return path


def _targets(text: str) -> str:
    """Check one address, or several IP addresses of equal processes; the result is as gRPC names them."""
    addresses = [item.strip() for item in text.split(",")]
    if len(addresses) == 1:
        return address(text)
    for scheme, pattern in (("ipv4", _IPV4), ("ipv6", _IPV6)):
        if all(pattern.fullmatch(item) for item in addresses):
            return f"{scheme}:{','.join(addresses)}"
    raise ValueError(
        "must be host:port, or several IP addresses such as 10.0.0.1:50051,10.0.0.2:50051; "
        "of a name, all addresses that it stands for are used"
    )


def _level(text: str) -> str:
    if text.lower() not in _LEVELS:
        raise ValueError(f"must be one of {', '.join(_LEVELS)}")
    return text.lower()
