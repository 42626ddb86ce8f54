"""`leadsync fields …`: the fields of a tenant's leads and their types."""

from typing import Annotated, Any, Literal, get_args

import typer

from leadsync_cli.commands.context import open_gateway
from leadsync_cli.commands.options import CUSTOM, JsonOption, TokenOption, UrlOption, custom_name
from leadsync_cli.gateway.client import segment
from leadsync_cli.output import show, show_page

app = typer.Typer(no_args_is_help=True, help="Fields of leads and their types: list, set, remove.")

FieldType = Literal["text", "email", "phone", "url", "number", "boolean", "date", "datetime", "choice", "multi_choice"]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A custom field: customFields.revenue, or revenue alone.")
]
COLUMNS = [("NAME", "name"), ("LABEL", "label"), ("TYPE", "type"), ("OPTIONS", "options"), ("STANDARD", "standard")]
PATH = "/lead-fields"


@app.command("list")
def list_fields(*, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False) -> None:
    """List the standard fields and the custom fields that have a type. A custom field that is not listed is text."""
    with open_gateway(url, token) as gateway:
        page = gateway.get(PATH)
    show_page(page, "leadFields", COLUMNS, "No fields.", json=json)


@app.command("set")
def set_field(
    name: NameArgument,
    *,
    kind: Annotated[
        FieldType, typer.Option("--type", "-t", metavar="TYPE", help=f"One of: {', '.join(get_args(FieldType))}.")
    ],
    label: Annotated[str, typer.Option(help="Name for people.  [default: NAME]", show_default=False)] = "",
    option: Annotated[
        list[str] | None,
        typer.Option(help="Allowed value of a choice; repeatable. Without any, all values are allowed."),
    ] = None,
    url: UrlOption = "",
    token: TokenOption = "",
    json: JsonOption = False,
) -> None:
    """Give a custom field a type, label and options; they replace the present ones.

    Leads keep their values. If the type changes, all records with the field are compared again.
    """
    name = custom_name(name)
    body: dict[str, Any] = {"label": label or name, "type": kind} | ({"options": option} if option else {})
    with open_gateway(url, token) as gateway:
        show(gateway.call("PUT", f"{PATH}/{segment(name)}", body=body), json=json)


@app.command("remove")
def remove_field(name: NameArgument, *, url: UrlOption = "", token: TokenOption = "", json: JsonOption = False) -> None:
    """Remove a custom field's type: the field is text again. Leads keep their values. Removing twice is no error."""
    name = custom_name(name)
    with open_gateway(url, token) as gateway:
        gateway.delete(f"{PATH}/{segment(name)}")
    show({"name": f"{CUSTOM}{name}", "removed": True}, json=json)
