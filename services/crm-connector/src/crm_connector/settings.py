"""Everything the environment can set. Nothing else reads it; providers get their variables through the registry."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_connector.domain.timing import Timing
from crm_connector.environment import Reader, address, http_url, number
from crm_connector.mongo.address import with_password
from crm_connector.providers import registry
from crm_connector.tls import TlsFiles, read_tls

_IPV4 = re.compile(r"[0-9]+(\.[0-9]+){3}:[0-9]{1,5}")
_IPV6 = re.compile(r"\[[0-9A-Fa-f:.]+\]:[0-9]{1,5}")
_LEVELS = ("debug", "info", "warning", "error")


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
    sweep_seconds: float
    log_level: str
    metrics_port: int
    timing: Timing
    providers: Mapping[str, Any]
    tls: TlsFiles | None = None  # None = plaintext
    accept_new_keys: bool = False  # on a database whose credentials other keys have sealed

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Raises:
            SettingsError: naming everything that is wrong, not only the first fault.

        """
        read = Reader(environment)
        lead_store_port = read.value("LEAD_STORE_PORT", "50051", _port)
        gateway_port = read.value("GATEWAY_PORT", "8080", _port)
        scale = read.value("LEADSYNC_TIME_SCALE", "1", number(1, 100, "a number"))
        mongo_url = read.secret("MONGO_URL", _mongo_url)
        settings = cls(
            mongo_url=read.secret("MONGO_PASSWORD", lambda text: with_password(mongo_url or "", text)),
            database=read.value("LEADSYNC_DATABASE_PREFIX", "leadsync", _word) + "_crm_connector",
            secret_keys=read.secret("LEADSYNC_SECRET_KEY", _secret_keys),
            lead_store_url=read.value("LEAD_STORE_URL", f"127.0.0.1:{lead_store_port}", _targets),
            host=read.value("CRM_CONNECTOR_HOST", "127.0.0.1", str),
            port=read.value("CRM_CONNECTOR_PORT", "50052", _port),
            api_url=read.value("API_URL", f"http://127.0.0.1:{gateway_port}", http_url),
            platform=read.value("LEADSYNC_PLATFORM", "jazzaam", _word),
            sweep_seconds=read.value("LEADSYNC_SWEEP_SECONDS", "300", number(1, 86_400)),
            log_level=read.value("LEADSYNC_LOG_LEVEL", "info", _log_level),
            metrics_port=read.value("CRM_CONNECTOR_METRICS_PORT", "0", _port),
            timing=Timing().scaled(scale or 1.0),
            providers=registry.read_settings(read),
            tls=read_tls(environment, "crm-connector", read.faults),
            accept_new_keys=read.value("LEADSYNC_ACCEPT_NEW_KEYS", "0", _switch),
        )
        read.check()
        return settings


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise ValueError("must be a port number, 0 to 65535")
    return int(text)


def _targets(text: str) -> str:
    """One address, or several IP addresses of equal processes, as gRPC names them."""
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


def _word(text: str) -> str:
    if len(text) > 50 or not all(c.isascii() and (c.isalnum() or c in "_-") for c in text):
        raise ValueError("must have at most 50 letters, digits, dashes or underscores")
    return text


def _switch(text: str) -> bool:
    if text not in {"0", "1"}:
        raise ValueError("must be 1 or 0")
    return text == "1"


def _log_level(text: str) -> str:
    if text.lower() not in _LEVELS:
        raise ValueError(f"must be one of {', '.join(_LEVELS)}")
    return text.lower()
