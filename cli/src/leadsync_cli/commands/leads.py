"""`leadsync leads …`: the platform's leads."""

from typing import Annotated, Any, Literal

import typer

from leadsync_cli.commands.context import open_gateway, the_integration
from leadsync_cli.commands.options import (
    EtagOption,
    JsonOption,
    OneIntegrationOption,
    PageSizeOption,
    PageTokenOption,
    TokenOption,
    UrlOption,
    custom_name,
)
from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.gateway.client import segment
from leadsync_cli.output import show, show_page

app = typer.Typer(no_args_is_help=True, help="List, get, create, update and delete leads.")

EndReason = Literal["deleted", "converted", "merged"]
LeadId = Annotated[str, typer.Argument(help="Id of the lead.")]
Text = Annotated[str | None, typer.Option(help="New value; an empty value clears the field.")]
Custom = Annotated[
    list[str] | None,
    typer.Option("--custom", help="A custom field as NAME=VALUE; several choices as NAME=a;b. Repeatable."),
]

COLUMNS = [
    ("ID", "id"),
    ("E-MAIL", "email"),
    ("FIRST NAME", "firstName"),
    ("LAST NAME", "lastName"),
    ("COMPANY", "company"),
    ("FROM", "crmMetadata.sourceSystem"),
    ("SYNCED", "crmMetadata.lastSyncedAt"),
]


@app.command("list")
def list_leads(
    *,
    email: Annotated[str | None, typer.Option(help="Only leads with exactly this e-mail, in any letter case.")] = None,
    record: Annotated[str | None, typer.Option(help="Only leads of the CRM record with this id.")] = None,
    integration: OneIntegrationOption = "",
    limit: PageSizeOption = 50,
    page_token: PageTokenOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """List one page of leads, oldest first."""
    with open_gateway(url, token) as gateway:
        if record:
            integration = the_integration(gateway, integration)
        filters = {"email": email, "integrationId": integration, "recordId": record}
        page = gateway.get("/leads", **filters, pageSize=limit, pageToken=page_token)
    show_page(page, "leads", COLUMNS, "No leads.", json=json)


@app.command("get")
def get_lead(lead_id: LeadId, *, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False) -> None:
    """Show one lead with its origin and links."""
    with open_gateway(url, token) as gateway:
        show(gateway.get(f"/leads/{segment(lead_id)}"), json=json)


@app.command("create")
def create_lead(
    *,
    email: Text = None,
    first_name: Text = None,
    last_name: Text = None,
    phone: Text = None,
    company: Text = None,
    job_title: Text = None,
    website: Text = None,
    status: Text = None,
    custom: Custom = None,
    request_id: Annotated[
        str, typer.Option(help="Makes the command repeatable: the same id makes no second lead.")
    ] = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Create a lead. It needs an e-mail, a first name or a last name."""
    body = _body(email, first_name, last_name, phone, company, job_title, website, status, custom)
    with open_gateway(url, token) as gateway:
        show(gateway.post("/leads", body, request_id), json=json)


@app.command("update")
def update_lead(
    lead_id: LeadId,
    *,
    email: Text = None,
    first_name: Text = None,
    last_name: Text = None,
    phone: Text = None,
    company: Text = None,
    job_title: Text = None,
    website: Text = None,
    status: Text = None,
    custom: Custom = None,
    etag: EtagOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Change the given fields; the others stay."""
    body = _body(email, first_name, last_name, phone, company, job_title, website, status, custom)
    with open_gateway(url, token) as gateway:
        show(gateway.patch(f"/leads/{segment(lead_id)}", body, etag), json=json)


@app.command("delete")
def delete_lead(
    lead_id: LeadId,
    *,
    reason: Annotated[EndReason, typer.Option(help="Deleted, converted (now a customer), or merged.")] = "deleted",
    into: Annotated[str, typer.Option(help="With --reason merged: the lead that takes over its CRM records.")] = "",
    etag: EtagOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Delete a lead.

    The CRM records of a deleted lead stay, unless the integration's policy archives them. Those of a converted or
    merged lead always stay. Deleting twice is no error.
    """
    with open_gateway(url, token) as gateway:
        gateway.delete(f"/leads/{segment(lead_id)}", etag, reason=reason, into=into)
    show({"id": lead_id, "deleted": True}, json=json)


def _body(  # noqa: PLR0917 (one parameter per option)
    email: str | None,
    first_name: str | None,
    last_name: str | None,
    phone: str | None,
    company: str | None,
    job_title: str | None,
    website: str | None,
    status: str | None,
    custom: list[str] | None,
) -> dict[str, Any]:
    """Return the fields that were given; raise CommandError if there are none."""
    fields: dict[str, Any] = {
        "email": email,
        "firstName": first_name,
        "lastName": last_name,
        "phone": phone,
        "company": company,
        "jobTitle": job_title,
        "website": website,
        "status": status,
        "customFields": _custom(custom or []) or None,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    if not given:
        raise CommandError("no_fields", "Give at least one field, e.g. --email.", Exit.USAGE)
    return given


def _custom(pairs: list[str]) -> dict[str, str]:
    """Return NAME=VALUE pairs as an object. Raises CommandError if one is no such pair."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise CommandError("invalid_field", f"--custom takes NAME=VALUE, not {pair!r}.", Exit.USAGE)
        found[custom_name(name)] = value
    return found
