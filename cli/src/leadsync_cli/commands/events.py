"""`leadsync events`: the events that came in, and the outcome of each."""

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from leadsync_cli.commands.context import open_gateway
from leadsync_cli.commands.options import (
    JsonOption,
    OneIntegrationOption,
    PageSizeOption,
    PageTokenOption,
    TokenOption,
    UrlOption,
)
from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.output import print_json, print_next_page, print_rows, show, show_page

app = typer.Typer(help="Events that came in, and webhooks that could not be verified.")

COLUMNS = [
    ("RECEIVED", "receivedAt"),
    ("EVENT", "type"),
    ("RECORD", "recordId"),
    ("PROPERTY", "property"),
    ("VALUE", "value"),
    ("BY", "source"),
    ("LEAD", "work.leadId"),
    ("OUTCOME", "outcome"),
]
QUARANTINE_COLUMNS = [
    ("PROVIDER", "provider"),
    ("REASON", "reason"),
    ("WEBHOOKS", "requests"),
    ("OLDEST", "oldestReceivedAt"),
]
TimeOption = typer.Option(
    metavar="TIME", help="A time such as 2026-11-24T10:00, in this machine's zone unless it has one."
)


class DeliveryState(StrEnum):
    """The state of a delivery."""

    NEW = "new"
    ROUTED = "routed"
    IGNORED = "ignored"


@app.callback(invoke_without_command=True)
def events(
    context: typer.Context,
    *,
    record: Annotated[str, typer.Option(help="Only events of webhooks that name this record.")] = "",
    lead: Annotated[str, typer.Option(help="Only events of webhooks that name a record of this lead.")] = "",
    state: Annotated[
        DeliveryState | None, typer.Option(help="new: stored; routed: made work; ignored: on purpose.")
    ] = None,
    after: Annotated[str, TimeOption] = "",
    before: Annotated[str, TimeOption] = "",
    integration: OneIntegrationOption = "",
    limit: PageSizeOption = 50,
    page_token: PageTokenOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """List the events that came in and their outcomes, newest webhook first. One page of --limit webhooks."""
    if context.invoked_subcommand is not None:
        return
    query = {
        "integrationId": integration,
        "recordId": record,
        "leadId": lead,
        "state": state,
        "receivedAfter": _instant("--after", after),
        "receivedBefore": _instant("--before", before),
        "pageToken": page_token,
    }
    with open_gateway(url, token) as gateway:
        page = gateway.get("/events", pageSize=limit, **query)
    if json:
        print_json(page)
        return
    print_rows(rows_of(page["events"], record, lead), COLUMNS, "No events.")
    print_next_page(page)


@app.command("quarantine")
def quarantine(*, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False) -> None:
    """Count unverified webhooks by reason, of all tenants. They are kept for some days."""
    with open_gateway(url, token) as gateway:
        show_page(gateway.get("/events/quarantine"), "counts", QUARANTINE_COLUMNS, "No unverified webhooks.", json=json)


@app.command("verify-again")
def verify_again(*, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False) -> None:
    """Verify these webhooks again, after a secret or API_URL was corrected, and accept those that pass."""
    with open_gateway(url, token) as gateway:
        found = gateway.post("/events/verify-again")
    show(found, json=json)
    if found["left"] and not json:
        typer.echo("Run it again: some are left.")


def rows_of(deliveries: list[dict[str, Any]], record_id: str = "", lead_id: str = "") -> Iterator[dict[str, Any]]:
    """Yield one row per event; with a record or a lead, only events about it: a webhook may contain others too."""
    for delivery in deliveries:
        for event in delivery["events"]:
            records = {event.get("recordId"), *(event.get("mergedRecordIds") or [])}
            lead = (event.get("work") or {}).get("leadId")
            if (not record_id or record_id in records) and lead_id in {"", lead}:
                yield event | {"receivedAt": delivery["receivedAt"], "outcome": outcome_of(delivery, event)}


def outcome_of(delivery: dict[str, Any], event: dict[str, Any]) -> str:
    """Return an event's outcome in words: the last decision on its record, or what the event waits for."""
    work = event.get("work") or {}
    if event.get("ignored"):
        return "ignored: this kind is not synced"
    if delivery["state"] == "ignored":
        return f"ignored: {delivery.get('reason')}"
    if delivery["state"] == "new":
        return "stored, about to become work"
    outcome = ": ".join(str(work[name]) for name in ("outcome", "reason") if work.get(name))
    states = {"due": "waiting for a worker", "leased": "in progress", "failed": "failed, see `leadsync work list`"}
    state = states.get(work.get("state", ""), "")
    return "; ".join(part for part in (state, outcome) if part)


def _instant(option: str, text: str) -> str:
    """Return a time as RFC 3339 in UTC, or an empty text for an empty one. Raises CommandError."""
    if not text:
        return ""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat().replace("+00:00", "Z")
    except ValueError:
        detail = f"{option} takes a time such as 2026-11-24T10:00, not {text!r}."
        raise CommandError("invalid_field", detail, Exit.USAGE) from None
