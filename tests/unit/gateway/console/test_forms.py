"""Forms of the console: nothing can be done there that cannot be done over HTTP and by the command line."""

import re
from pathlib import Path

import pytest
import typer
from leadsync_cli.__main__ import build_app
from webhook_gateway.console.bootstrap import PAGES
from webhook_gateway.console.rendering import FOLDER
from webhook_gateway.console.routes import ConsoleRoute, routes_of
from webhook_gateway.http.api import OPERATIONS

TEMPLATES = sorted(FOLDER.glob("*.html"))
FORMS = [route for page in PAGES for route in routes_of(page) if route.method == "POST"]
# By which command somebody does the same as an operation.
COMMANDS = {
    "redrive": "redrive",
    "undo_decision": "conflicts undo",
    "resolve_conflict": "conflicts take",
    "resolve_conflicts": "conflicts take-all",
    "pick_match": "matches pick",
    "start_import": "import",
    "sync_leads": "sync",
    "cancel_run": "runs cancel",
    "create_integration": "integration create",
    "update_integration": "integration update",
    "enable_webhooks": "webhooks enable",
    "disable_webhooks": "webhooks disable",
}
OUTSIDE = ["/ui/login", "/ui/logout"]  # forms about the session


def command_exists(name: str) -> bool:
    """Whether the command line has a command."""
    found: object = typer.main.get_command(build_app())
    for word in name.split():
        found = getattr(found, "commands", {}).get(word)
    return found is not None


@pytest.mark.parametrize("route", FORMS, ids=lambda route: route.path)
def test_a_form_has_its_twins(route: ConsoleRoute) -> None:
    """Each form names the operations of the API that it uses, and there is a command for each of them."""
    of_api = {operation.function: operation for operation in OPERATIONS}
    assert route.operations
    for function in route.operations:
        assert of_api[function].method != "GET"
        assert command_exists(COMMANDS[of_api[function].name])


def test_each_form_in_a_template_has_a_route() -> None:
    """No page sends a form to an address that nobody takes."""
    known = [re.sub(r"\{[^}]+\}", "[^/]+", f"/ui{route.path}") for route in FORMS] + OUTSIDE
    for template in TEMPLATES:
        text = template.read_text(encoding="utf-8")
        for action in re.findall(r'<form[^>]*method="post"[^>]*action="([^"]*)"', text):
            written = action.replace("{{ path }}", "/ui/integrations/x").replace("{{ visit.address() }}", "/ui/logout")
            sample = re.sub(r"\{\{.*?\}\}", "x", written)
            assert any(re.fullmatch(one, sample) for one in known), (template.name, action)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_nothing_that_the_policy_forbids(template: Path) -> None:
    """No script or style in a page, no attribute that is code, and nothing unescaped but our own shapes."""
    text = template.read_text(encoding="utf-8")
    assert not re.search(r"\son[a-z]+=|hx-on|js:|style=|<style|javascript:", text)
    assert all("nonce" in one for one in re.findall(r"<script[^>]*>", text))
    assert template.name == "icons.html" or not re.search(r"\|\s*safe", text)
    assert not re.search(r'hx-trigger="[^"]*\[', text)
