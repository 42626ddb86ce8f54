"""`leadsync why`: the history of a lead's values, in words."""

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from leadsync_cli.commands.context import open_gateway
from leadsync_cli.commands.options import JsonOption, PageSizeOption, PageTokenOption, TokenOption, UrlOption
from leadsync_cli.gateway.client import segment
from leadsync_cli.output import print_json, print_next_page, quoted
from leadsync_cli.terminal import shown

SIDES = {"platform": "on the platform", "crm": "in the CRM"}
# What happened to a value: a write that was only sent, or refused, did not change it.
VERBS = {"pushed": "was sent as", "refused": "was refused as", "overwritten": "was overwritten with"}
OTHER_SIDES = {"platform": "the CRM", "crm": "the platform"}


def why(
    lead_id: Annotated[str, typer.Argument(metavar="LEAD", help="Id of the lead; it may be deleted.")],
    field: Annotated[str, typer.Argument(help="Only this field, e.g. firstName.", show_default=False)] = "",
    *,
    limit: PageSizeOption = 50,
    page_token: PageTokenOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Explain a lead's values: who set each one, when, on which side, why, and what it replaced. Newest first.

    `leadsync conflicts undo DECISION` undoes a change of the lead.
    """
    with open_gateway(url, token) as gateway:
        path = f"/leads/{segment(lead_id)}/history"
        page = gateway.get(path, field=field, pageSize=limit, pageToken=page_token)
    if json:
        print_json(page)
        return
    lines = [line for explanation in page["explanations"] for line in lines_of(explanation)]
    sys.stdout.write("\n".join(map(shown, lines or ["No change is recorded."])) + "\n")
    print_next_page(page)


def lines_of(explanation: dict[str, Any]) -> Iterator[str]:
    """Yield one decision: a line with its outcome, author and time, then one line per value."""
    integration, actor = explanation.get("integrationId"), explanation.get("actor") or "somebody"
    by_sync = bool(integration) and actor == integration
    facts = [f"{explanation['outcome']} by {f'the sync with {integration}' if by_sync else actor}"]
    named = (("record", "recordId"), ("last event by", "eventSource"), ("reason", "reason"))
    facts += [f"{word} {explanation[name]}" for word, name in named if explanation.get(name)]
    yield f"{explanation['decidedAt']}  {', '.join(facts)}  (decision {explanation['decisionId']})"
    for change in explanation["fields"]:
        yield f"  {_value_line(change, VERBS.get(explanation['outcome'], 'became'), by_sync=by_sync)}"


def _value_line(change: dict[str, Any], verb: str, *, by_sync: bool) -> str:
    """Return one value: where it was set, what it replaced, where it came from, and why."""
    side = str(change["side"])
    origin = f", from {OTHER_SIDES.get(side, 'elsewhere')}" if by_sync else ""
    because = f": {change['because']}" if change.get("because") else ""
    became = f"{change['field']} {SIDES.get(side, side)} {verb} {quoted(change.get('after'))}"
    return f"{became}, it was {quoted(change.get('before'))}{origin}{because}"
