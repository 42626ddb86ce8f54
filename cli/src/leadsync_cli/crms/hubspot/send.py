"""`leadsync send`: post signed events to the gateway, as HubSpot does."""

import json as jsonlib
import secrets
import sys
import time
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from leadsync_cli.commands.context import read_settings
from leadsync_cli.commands.options import JsonOption, UrlOption
from leadsync_cli.crms.hubspot.events import Origin, Subject, make_event
from leadsync_cli.crms.hubspot.sender import WEBHOOK_PATH, sender_of
from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.gateway.client import LOOPBACK, post_webhook
from leadsync_cli.output import show

HINTS = {
    "app_mismatch": "Give the app that the secret belongs to with --app.",
    "signature_invalid": "Secret and address must be the gateway's own: see HUBSPOT_CLIENT_SECRET and API_URL.",
    "signature_stale": "The clocks of this machine and the gateway's differ by more than five minutes.",
}


def send(
    event: Annotated[
        list[str] | None,
        typer.Argument(metavar="[EVENT]...", help="Events to send in one request.", show_default=False),
    ] = None,
    *,
    file: Annotated[Path | None, typer.Option(help="JSON array of events to send unchanged; - is stdin.")] = None,
    object_id: Annotated[int | None, typer.Option(min=0, help="Record that the events are about.")] = None,
    prop: Annotated[str | None, typer.Option("--property", help="propertyChange: the property.")] = None,
    value: Annotated[str | None, typer.Option(help="propertyChange: its new value.")] = None,
    merged: Annotated[
        list[int] | None, typer.Option(min=0, help="merge: a record that is merged away; repeatable.")
    ] = None,
    new_id: Annotated[int | None, typer.Option(min=0, help="merge: the new record.")] = None,
    generic: Annotated[bool, typer.Option("--generic", help="Send object.* events, as project apps get them.")] = False,
    portal: Annotated[int | None, typer.Option(min=0, help="Account.  [default: the simulator's]")] = None,
    app: Annotated[int | None, typer.Option(min=0, help="App.  [default: HUBSPOT_APP_ID, or the simulator's]")] = None,
    source: Annotated[
        str, typer.Option(help="Who changed the record: changeSource or changeSource:sourceId.")
    ] = "CRM_UI",
    public_url: Annotated[
        str,
        typer.Option("--api-url", help="Address to sign.  [default: API_URL, else the gateway's]"),
    ] = "",
    url: UrlOption = "",
    json: JsonOption = False,
) -> None:
    """Send HubSpot events to the gateway, signed (v3 and v1) as HubSpot signs them.

    Events: contact.creation, contact.propertyChange, contact.deletion, contact.merge, contact.restore,
    contact.privacyDeletion. The client secret is never an option: it comes from HUBSPOT_CLIENT_SECRET, or is the
    simulator's if `leadsync up` starts the simulator.
    """
    settings = read_settings()
    target = (url or settings.url).rstrip("/")
    local = urlsplit(target).hostname in LOOPBACK
    sender = sender_of(settings, target, local=local, app_id=app, public_url=public_url)
    if bool(event) == bool(file):
        raise CommandError("no_events", "Give events, e.g. contact.creation, or --file.", Exit.USAGE)
    if file:
        body = _read(file)
    else:
        account = portal if portal is not None else sender.account
        name, _, source_id = source.partition(":")
        origin = Origin(account, sender.app_id, time.time_ns() // 1_000_000, name, source_id, generic)
        subject = Subject(object_id, prop, value, merged or [], new_id)
        body = _made(event or [], subject, origin)
    show(post_webhook(target + WEBHOOK_PATH, body, sender.headers(body), HINTS), json=json)


def _made(names: list[str], subject: Subject, origin: Origin) -> bytes:
    """Return the events as HubSpot writes them, in compact JSON. Raises CommandError."""
    if not origin.portal_id:
        raise CommandError("no_portal", "Give the account of the events with --portal.", Exit.USAGE)
    try:
        events = [make_event(name, subject, origin, event_id=secrets.randbelow(2**32)) for name in names]
    except ValueError as error:
        raise CommandError("invalid_event", f"{error}.", Exit.USAGE) from None
    return jsonlib.dumps(events, separators=(",", ":"), ensure_ascii=False).encode()


def _read(file: Path) -> bytes:
    """Return a file's bytes. Raises CommandError unless they are a JSON array."""
    try:
        body = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        events = jsonlib.loads(body)
    except OSError as error:
        raise CommandError("cannot_read", f"{file}: {error.strerror}", Exit.USAGE) from None
    except ValueError as error:
        raise CommandError("malformed_json", f"{file}: {error}", Exit.USAGE) from None
    if not isinstance(events, list):
        raise CommandError("not_an_event_array", f"{file} contains no JSON array of events.", Exit.USAGE)
    return body
