"""The app that sends webhooks to a gateway: its client secret, and the address that it signs."""

import time
from dataclasses import dataclass, field

from hubspot_simulator.core.signatures import signed_headers

from leadsync_cli.crms.hubspot.local import SIMULATED, SIMULATED_ACCOUNT, WEBHOOK_SECRET
from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.settings import Settings

WEBHOOK_PATH = "/api/v1/webhooks/hubspot"


@dataclass(frozen=True, slots=True)
class Sender:
    """A HubSpot app, as one gateway knows it. `account` is 0 if unknown."""

    account: int
    app_id: int
    secret: str = field(repr=False)
    public_url: str

    def headers(self, body: bytes) -> dict[str, str]:
        """Return all headers of a delivery made now, with v3 and v1 signatures."""
        return signed_headers(self.secret, self.public_url + WEBHOOK_PATH, body, time.time_ns() // 1_000_000)


def sender_of(settings: Settings, target: str, *, local: bool, app_id: int | None, public_url: str) -> Sender:
    """Return a sender that the gateway at `target` accepts; on this machine, with the settings of `leadsync up`.

    Raises CommandError if no client secret is known.
    """
    simulated = local and settings.simulator
    known = dict(settings.environment) | (SIMULATED if simulated else {})
    app = app_id if app_id is not None else _number(known.get("HUBSPOT_APP_ID", ""))
    names = ("HUBSPOT_CLIENT_SECRET", WEBHOOK_SECRET)
    configured = (SIMULATED.get(name, "") if simulated else settings.secret(name) for name in names)
    secret = _secret(next(filter(None, configured), ""), app)
    address = public_url or known.get("API_URL") or target.replace("//localhost", "//127.0.0.1")  # as `up` spells it
    return Sender(int(SIMULATED_ACCOUNT) if simulated else 0, app, secret, address.rstrip("/"))


def _secret(configured: str, app_id: int) -> str:
    """Return the app's secret from `secret` and `appId:secret` entries, else the first entry without an app."""
    entries = [entry.strip().rpartition(":") for entry in configured.split(",") if entry.strip()]
    own = [secret for app, _, secret in entries if app == str(app_id)]
    free = [secret for app, _, secret in entries if not app]
    if found := [*own, *free]:
        return found[0]
    detail = (
        f"HUBSPOT_CLIENT_SECRET holds no secret for app {app_id}." if entries else "HUBSPOT_CLIENT_SECRET is unset."
    )
    raise CommandError("no_client_secret", detail, Exit.USAGE, "Set it to what the gateway has; --app chooses the app.")


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
