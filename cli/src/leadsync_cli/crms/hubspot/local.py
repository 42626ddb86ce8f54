"""HubSpot in a local suite: its variables, the simulator's account, and the integration to connect. Pure."""

from collections.abc import Mapping
from typing import Any

PROVIDER = "hubspot"
NAME = "HubSpot"
PREFIX = "HUBSPOT_"  # of all its variables
BASE_URL = "HUBSPOT_BASE_URL"
ACCESS_TOKEN = "HUBSPOT_ACCESS_TOKEN"  # noqa: S105 (the variable's name)
APP_ID = "HUBSPOT_APP_ID"
WEBHOOK_SECRET = "HUBSPOT_WEBHOOK_SECRET"  # noqa: S105 (the variable's name)

# Each may be given as a file as well.
SECRETS = ("HUBSPOT_CLIENT_SECRET", WEBHOOK_SECRET, "HUBSPOT_DEVELOPER_API_KEY", ACCESS_TOKEN)

# Variables that a service gets.
OF_CONNECTOR = (
    "HUBSPOT_API_VERSION", BASE_URL, "HUBSPOT_CLIENT_ID", "HUBSPOT_CLIENT_SECRET", "HUBSPOT_DEVELOPER_API_KEY",
    "HUBSPOT_TIMEOUT_SECONDS",
)  # fmt: skip
OF_GATEWAY = ("HUBSPOT_ALLOW_V1_SIGNATURES", "HUBSPOT_CLIENT_SECRET", WEBHOOK_SECRET)

# The account, app and credentials that the simulator has from the start.
SIMULATOR = "hubspot_simulator"
SIMULATED_ACCOUNT = "48975575"
SIMULATED = {
    ACCESS_TOKEN: "pat-na1-simulator",
    APP_ID: "39522895",
    "HUBSPOT_CLIENT_ID": "simulator-client-id",
    "HUBSPOT_CLIENT_SECRET": "simulator-secret",
    "HUBSPOT_DEVELOPER_API_KEY": "simulator-developer-key",
}


def integration_body(variables: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what connects the account of the configured token; None without a token."""
    if not variables.get(ACCESS_TOKEN):
        return None
    body = {"provider": PROVIDER, "accessToken": variables[ACCESS_TOKEN], "direction": "bidirectional"}
    return body | ({"appId": variables[APP_ID]} if variables.get(APP_ID) else {})
