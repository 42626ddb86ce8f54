"""`leadsync console`: links that the gateway takes."""

import json

import pytest
from leadsync_cli.__main__ import main
from leadsync_cli.errors import Exit
from webhook_gateway.console.session import Sessions
from webhook_gateway.http.roles import Role
from webhook_gateway.revocations import Revocations

KEY = "k" * 32


@pytest.fixture(autouse=True)
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line knows the gateway and its key."""
    monkeypatch.setenv("LEADSYNC_TOKEN_KEY", KEY)
    monkeypatch.setenv("LEADSYNC_URL", "https://leads.example.com/")


def test_a_link_signs_in_as_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Its code names tenant, role and person, and the gateway takes it."""
    arguments = ["--tenant", "acme", "--role", "operator", "--subject", "ada", "--json"]
    with pytest.raises(SystemExit) as ended:
        main(["console", *arguments])
    assert ended.value.code in {None, Exit.DONE}
    printed = json.loads(capsys.readouterr().out)
    address, _, code = printed["link"].partition("?code=")
    assert (address, printed["seconds"]) == ("https://leads.example.com/ui/login", 60)
    caller = Sessions([KEY], Revocations("")).code(code).caller
    assert (caller.tenant, caller.role, caller.subject) == ("acme", Role.OPERATOR, "ada")


def test_a_link_is_only_printed_if_asked_to(capsys: pytest.CaptureFixture[str]) -> None:
    """Each link has a code of its own."""
    links = []
    for _ in range(2):
        with pytest.raises(SystemExit):
            main(["console", "--print"])
        links.append(capsys.readouterr().out.strip())
    assert all(link.startswith("https://leads.example.com/ui/login?code=") for link in links)
    assert links[0] != links[1]
