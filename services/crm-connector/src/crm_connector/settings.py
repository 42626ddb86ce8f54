"""Everything the environment can set. Nothing else reads it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast
from urllib.parse import urlsplit

from crm_connector.hubspot.paths import is_version

_T = TypeVar("_T")
_IPV4 = re.compile(r"[0-9]+(\.[0-9]+){3}:[0-9]{1,5}")
_IPV6 = re.compile(r"\[[0-9A-Fa-f:.]+\]:[0-9]{1,5}")
_LEVELS = ("debug", "info", "warning", "error")


class SettingsError(Exception):
    """All faults of a configuration, in plain words."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of one process. Its repr shows no secrets."""

    mongo_url: str = field(repr=False)
    database: str
    secret_keys: tuple[str, ...] = field(repr=False)
    lead_store_url: str
    host: str
    port: int
    api_url: str
    platform: str
    hubspot_base_url: str
    hubspot_api_version: str
    hubspot_client_id: str
    hubspot_client_secret: str = field(repr=False)
    hubspot_developer_key: str = field(repr=False)
    hubspot_timeout_seconds: float
    sweep_seconds: float
    log_level: str
    metrics_port: int

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Raises:
            SettingsError: naming everything that is wrong, not only the first.

        """
        read = _Reader(environment)
        lead_store_port = read.value("LEAD_STORE_PORT", "50051", _port)
        gateway_port = read.value("GATEWAY_PORT", "8080", _port)
        settings = cls(
            mongo_url=read.value("MONGO_URL", "", _mongo_url),
            database=read.value("LEADSYNC_DATABASE_PREFIX", "leadsync", _word) + "_crm_connector",
            secret_keys=read.value("LEADSYNC_SECRET_KEY", "", _secret_keys),
            lead_store_url=read.value("LEAD_STORE_URL", f"127.0.0.1:{lead_store_port}", _targets),
            host=read.value("CRM_CONNECTOR_HOST", "127.0.0.1", str),
            port=read.value("CRM_CONNECTOR_PORT", "50052", _port),
            api_url=read.value("API_URL", f"http://127.0.0.1:{gateway_port}", _http_url),
            platform=read.value("LEADSYNC_PLATFORM", "jazzaam", _word),
            hubspot_base_url=read.value("HUBSPOT_BASE_URL", "https://api.hubapi.com", _http_url),
            hubspot_api_version=read.value("HUBSPOT_API_VERSION", "v3", _api_version),
            hubspot_client_id=read.value("HUBSPOT_CLIENT_ID", "", str),
            hubspot_client_secret=read.value("HUBSPOT_CLIENT_SECRET", "", _first_secret),
            hubspot_developer_key=read.value("HUBSPOT_DEVELOPER_API_KEY", "", str),
            hubspot_timeout_seconds=read.value("HUBSPOT_TIMEOUT_SECONDS", "10", _seconds(1, 30)),
            sweep_seconds=read.value("LEADSYNC_SWEEP_SECONDS", "300", _seconds(1, 86_400)),
            log_level=read.value("LEADSYNC_LOG_LEVEL", "info", _log_level),
            metrics_port=read.value("CRM_CONNECTOR_METRICS_PORT", "0", _port),
        )
        if read.faults:
            raise SettingsError(read.faults)
        return settings


class _Reader:
    """Reads variables and gathers what is wrong with them; a variable that is set to nothing counts as not set."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.faults: list[str] = []

    def value(self, name: str, default: str, parse: Callable[[str], _T]) -> _T:
        """Read one variable."""
        try:
            return parse(self._environment.get(name, "").strip() or default)
        except ValueError as error:
            self.faults.append(f"{name} {error}")
            return cast("_T", None)  # never seen: `from_env` raises


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise ValueError("must be a port number, 0 to 65535")
    return int(text)


def _targets(text: str) -> str:
    """One address, or several IP addresses of equal processes, as gRPC names them."""
    addresses = [item.strip() for item in text.split(",")]
    if len(addresses) == 1:
        return text
    for scheme, pattern in (("ipv4", _IPV4), ("ipv6", _IPV6)):
        if all(pattern.fullmatch(address) for address in addresses):
            return f"{scheme}:{','.join(addresses)}"
    raise ValueError(
        "must be host:port, or several IP addresses such as 10.0.0.1:50051,10.0.0.2:50051; "
        "of a name, all addresses that it stands for are used"
    )


def _mongo_url(text: str) -> str:
    if not text.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("is required: the address of MongoDB, mongodb://…")
    return text


def _secret_keys(text: str) -> tuple[str, ...]:
    keys = tuple(part.strip() for part in text.split(",") if part.strip())
    if not keys or any(len(key) < 32 for key in keys):
        raise ValueError(
            "is required: at least 32 random characters, several keys separated by commas while rotating. "
            "`openssl rand -base64 32` makes one"
        )
    return keys


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an http(s) address without query")
    return text.rstrip("/")


def _word(text: str) -> str:
    if len(text) > 50 or not all(c.isascii() and (c.isalnum() or c in "_-") for c in text):
        raise ValueError("must have at most 50 letters, digits, dashes or underscores")
    return text


def _api_version(text: str) -> str:
    if not is_version(text):
        raise ValueError("must be v3 or a dated version such as 2026-03")
    return text


def _first_secret(text: str) -> str:
    """The first of several client secrets, each `secret` or `appId:secret`: it is the one in force."""
    first = text.split(",", maxsplit=1)[0].strip()
    app_id, found, secret = first.partition(":")
    return secret if found and app_id.isdecimal() else first


def _seconds(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not least <= seconds <= most:
            raise ValueError(f"must be a number of seconds from {least:g} to {most:g}")
        return seconds

    return parse


def _log_level(text: str) -> str:
    if text.lower() not in _LEVELS:
        raise ValueError(f"must be one of {', '.join(_LEVELS)}")
    return text.lower()
