"""Configuration: read once from the environment, checked whole, and never shown with its secrets."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from webhook_gateway.signatures import Secret, parse_secrets

MIN_TOKEN_KEY = 32  # characters; HS256 wants a key as long as its hash
_LEVELS = ("debug", "info", "warning", "error")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})
MOST_PROCESSES = 64
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}|unix:.+")
_IPV4 = re.compile(r"[0-9]+(\.[0-9]+){3}:[0-9]{1,5}")
_IPV6 = re.compile(r"\[[0-9A-Fa-f:.]+\]:[0-9]{1,5}")

T = TypeVar("T")


class SettingsError(Exception):
    """The configuration has faults; the message names all of them, one a line."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What webhook-gateway can be told from outside."""

    host: str
    port: int
    processes: int
    account_percent: int  # of the room for webhooks, what one account may take up
    api_url: str
    hubspot_secrets: tuple[Secret, ...] = field(repr=False)
    hubspot_allow_v1: bool
    allow_unsigned: bool
    token_keys: tuple[str, ...] = field(repr=False)
    lead_store_url: str  # a target as gRPC names it: one or several processes
    crm_connector_url: str
    log_level: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read the settings. Raises SettingsError with every fault, in plain words and without any secret."""
        read = _Reader(env)
        host = read.text("GATEWAY_HOST", "127.0.0.1")
        port = read.port("GATEWAY_PORT", 8080)
        settings = cls(
            host=host,
            port=port,
            processes=read.number("GATEWAY_PROCESSES", 1, MOST_PROCESSES),
            account_percent=read.number("GATEWAY_ACCOUNT_PERCENT", 50, 100),
            api_url=read.checked("API_URL", f"http://127.0.0.1:{port}", _url),
            hubspot_secrets=read.checked(_secret_name(env), "", _secrets),
            hubspot_allow_v1=read.flag("HUBSPOT_ALLOW_V1_SIGNATURES"),
            allow_unsigned=read.flag("LEADSYNC_ALLOW_UNSIGNED"),
            token_keys=read.checked("LEADSYNC_TOKEN_KEY", "", _token_keys),
            lead_store_url=read.address("LEAD_STORE_URL", "LEAD_STORE_PORT", 50051, _targets),
            crm_connector_url=read.address("CRM_CONNECTOR_URL", "CRM_CONNECTOR_PORT", 50052, _address),
            log_level=read.checked("LEADSYNC_LOG_LEVEL", "info", _level),
        )
        if read.faults:
            raise SettingsError("\n".join(read.faults))
        return settings


class _Reader:
    """Reads variables and gathers what is wrong with them."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.faults: list[str] = []

    def text(self, name: str, default: str) -> str:
        return self._env.get(name, "").strip() or default

    def checked(self, name: str, default: str, check: Callable[[str], T]) -> T:
        try:
            return check(self.text(name, default))
        except ValueError as error:
            self.faults.append(f"{name}: {error}")
            # The value is never used: a reader with faults makes no settings.
            return None  # type: ignore[return-value]

    def port(self, name: str, default: int) -> int:
        return self.checked(name, str(default), _port)

    def flag(self, name: str) -> bool:
        return self.checked(name, "0", _flag)

    def number(self, name: str, default: int, most: int) -> int:
        return self.checked(name, str(default), lambda text: _number(text, most))

    def address(self, name: str, port_name: str, port: int, check: Callable[[str], str]) -> str:
        return self.checked(name, f"127.0.0.1:{self.port(port_name, port)}", check)


def _secret_name(env: Mapping[str, str]) -> str:
    named = env.get("HUBSPOT_CLIENT_SECRET", "").strip()
    return "HUBSPOT_CLIENT_SECRET" if named else "HUBSPOT_WEBHOOK_SECRET"


def _secrets(text: str) -> tuple[Secret, ...]:
    return parse_secrets(text) if text else ()


def _token_keys(text: str) -> tuple[str, ...]:
    if not text:
        raise ValueError("is required: the key that API tokens are signed with")
    keys = tuple(item.strip() for item in text.split(","))
    if any(len(key) < MIN_TOKEN_KEY for key in keys):
        raise ValueError(f"each key needs at least {MIN_TOKEN_KEY} characters")
    return keys


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an http or https address without query, such as https://leads.example.com")
    return text.rstrip("/")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise ValueError("must be a port number, 0 to 65535")
    return int(text)


def _address(text: str) -> str:
    if _ADDRESS.fullmatch(text) is None:
        raise ValueError("must be host:port, such as 127.0.0.1:50051")
    return text


def _targets(text: str) -> str:
    """One address, or several IP addresses of equal processes, as gRPC names them."""
    addresses = [item.strip() for item in text.split(",")]
    if len(addresses) == 1:
        return _address(text)
    for scheme, pattern in (("ipv4", _IPV4), ("ipv6", _IPV6)):
        if all(pattern.fullmatch(address) for address in addresses):
            return f"{scheme}:{','.join(addresses)}"
    raise ValueError(
        "must be host:port, or several IP addresses such as 10.0.0.1:50051,10.0.0.2:50051; "
        "of a name, all addresses that it stands for are used"
    )


def _number(text: str, most: int) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise ValueError(f"must be a whole number from 1 to {most}")
    return int(text)


def _flag(text: str) -> bool:
    if text.lower() not in _TRUE | _FALSE:
        raise ValueError("must be 1 or 0")
    return text.lower() in _TRUE


def _level(text: str) -> str:
    if text.lower() not in _LEVELS:
        raise ValueError(f"must be one of {', '.join(_LEVELS)}")
    return text.lower()
