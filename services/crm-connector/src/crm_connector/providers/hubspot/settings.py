"""What the environment says about HubSpot: the variables HUBSPOT_*."""

from dataclasses import dataclass, field

from crm_connector.environment import Reader, crm_url, hosts, number
from crm_connector.providers.hubspot.paths import is_version


@dataclass(frozen=True, slots=True)
class HubSpotSettings:
    """Where HubSpot is, and what this installation knows of its app there, all of which may be empty."""

    base_url: str = "https://api.hubapi.com"
    api_version: str = "v3"
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    developer_key: str = field(default="", repr=False)
    timeout_seconds: float = 10.0

    @classmethod
    def read(cls, reader: Reader) -> "HubSpotSettings":
        """Read the variables; the reader collects what is wrong."""
        trusted = reader.value("LEADSYNC_TRUSTED_HTTP_HOSTS", "", hosts) or frozenset()
        return cls(
            base_url=reader.value("HUBSPOT_BASE_URL", "https://api.hubapi.com", crm_url(trusted)),
            api_version=reader.value("HUBSPOT_API_VERSION", "v3", _api_version),
            client_id=reader.value("HUBSPOT_CLIENT_ID", "", str),
            client_secret=reader.secret("HUBSPOT_CLIENT_SECRET", _first_secret),
            developer_key=reader.secret("HUBSPOT_DEVELOPER_API_KEY", str),
            timeout_seconds=reader.value("HUBSPOT_TIMEOUT_SECONDS", "10", number(1, 30)),
        )


def _api_version(text: str) -> str:
    if not is_version(text):
        raise ValueError("must be v3 or a dated version such as 2026-03")
    return text


def _first_secret(text: str) -> str:
    """Of several client secrets, each `secret` or `appId:secret`, the first one is in force."""
    first = text.split(",", maxsplit=1)[0].strip()
    app_id, found, secret = first.partition(":")
    return secret if found and app_id.isdecimal() else first
