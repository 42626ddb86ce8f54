"""How a command gets its settings and its connection."""

import os

from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.gateway.client import Gateway, connect
from leadsync_cli.settings import Settings


def read_settings() -> Settings:
    """Read the environment of this process. Raises ConfigurationError."""
    return Settings.from_env(os.environ)


def open_gateway(url: str, token: str) -> Gateway:
    """Connect as the options and the environment say. Raises CommandError."""
    return connect(read_settings(), url, token)


def the_integration(gateway: Gateway, given: str) -> str:
    """Return the id given, or that of the tenant's only integration. Raises CommandError if there is a choice."""
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
