"""Settings and connection of a command."""

import os

from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.gateway.client import Gateway, connect
from leadsync_cli.settings import Settings


def read_settings() -> Settings:
    """Read the environment of this process. Raises ConfigurationError."""
    return Settings.from_env(os.environ)


def open_gateway(url: str, token: str) -> Gateway:
    """Connect with the options, else the environment. Raises CommandError."""
    return connect(read_settings(), url, token)


def the_integration(gateway: Gateway, given: str) -> str:
    """Return the given id, else the id of the tenant's only integration. Raises CommandError if there are several."""
    if given:
        return given
    listed = gateway.get("/crm-integration")["integrations"]
    if len(listed) == 1:
        return str(listed[0]["id"])
    if not listed:
        detail = "No CRM account is connected yet; `leadsync integration create` connects one."
        raise CommandError("integration_not_found", detail, Exit.NOT_FOUND)
    ids = ", ".join(str(item["id"]) for item in listed)
    raise CommandError("integration_required", f"Choose one with --integration: {ids}", Exit.USAGE)
