"""The HTTP commands, run as a process against a fake gateway."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from unit.cli.fake_gateway import FakeGateway

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("status", "exit_code"), [(400, 2), (401, 4), (403, 4), (404, 5), (409, 6), (429, 3), (500, 1), (501, 2), (503, 3)]
)
def test_a_refusal_shows_its_reason_and_sets_the_exit_code(
    gateway: FakeGateway, leadsync: Run, status: int, exit_code: int
) -> None:
    """Standard error shows reason, detail and what to do; the exit code tells the kind of problem."""
    gateway.on("GET", "/leads/1", status, {"reason": "some_reason", "detail": "what it means"})

    result = leadsync("leads", "get", "1")

    assert result.returncode == exit_code
    first, hint = result.stderr.splitlines()
    assert first == "leadsync: some_reason: what it means"
    assert hint.startswith("  ")
    assert result.stdout == ""


def test_wrong_fields_are_named(gateway: FakeGateway, leadsync: Run) -> None:
    """Each field that the gateway does not accept is shown with its message."""
    faults = [{"field": "email", "message": "is not an address"}, {"field": "phone", "message": "is too long"}]
    gateway.on("POST", "/leads", 400, {"reason": "invalid_field", "detail": "two faults", "errors": faults})

    result = leadsync("leads", "create", "--email", "x", "--phone", "y")

    assert "email: is not an address" in result.stderr
    assert "phone: is too long" in result.stderr


def test_a_wrong_field_is_named_once(gateway: FakeGateway, leadsync: Run) -> None:
    """The gateway's detail lists the fields; they are not shown a second time."""
    faults = [{"field": "email", "message": "is not an address"}, {"field": "phone", "message": "is too long"}]
    detail = "email: is not an address; phone: is too long"
    gateway.on("POST", "/leads", 400, {"reason": "invalid_field", "detail": detail, "errors": faults})

    result = leadsync("leads", "create", "--email", "x", "--phone", "y")

    first, second, _ = result.stderr.splitlines()
    assert (first, second) == ("leadsync: invalid_field: email: is not an address", "  phone: is too long")


def test_with_json_a_refusal_is_json_too(gateway: FakeGateway, leadsync: Run) -> None:
    """With --json, stderr holds one JSON object with reason, detail and what to do."""
    gateway.on("GET", "/leads/1", 404, {"reason": "lead_not_found", "detail": "no such lead"})

    result = leadsync("leads", "get", "1", "--json")

    hint = "`leadsync leads list` shows the leads."
    assert json.loads(result.stderr) == {"reason": "lead_not_found", "detail": "no such lead", "hint": hint}


def test_an_answer_that_is_no_problem_json_gives_a_plain_error(gateway: FakeGateway, leadsync: Run) -> None:
    """A proxy's error page, or any other answer, gives a plain error without a traceback."""
    gateway.on("GET", "/leads/1", 502, {})

    result = leadsync("leads", "get", "1")

    assert (result.returncode, result.stderr.splitlines()[0]) == (3, "leadsync: http_502: Bad Gateway")


def test_a_missing_gateway_is_reported_in_one_line(leadsync: Run) -> None:
    """Without a gateway the command shows the address it called, and how to start one."""
    result = leadsync("leads", "list", LEADSYNC_URL="http://127.0.0.1:9")

    assert result.returncode == 3
    assert "gateway_unreachable: No answer from http://127.0.0.1:9" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_update_sends_only_the_given_fields_guarded_by_the_etag(gateway: FakeGateway, leadsync: Run) -> None:
    """An update sends only the given fields; an empty value clears a field; the etag becomes If-Match."""
    gateway.on("PATCH", "/leads/1", 200, {"id": "1"}, ETag='"8"')

    result = leadsync("leads", "update", "1", "--phone", "", "--custom", "tier=gold", "--etag", "7", "--json")

    (request,) = gateway.requests
    assert request.sent == {"phone": "", "customFields": {"tier": "gold"}}
    assert request.headers["if-match"] == '"7"'
    assert request.headers["authorization"] == "Bearer t0ken"
    assert json.loads(result.stdout) == {"id": "1", "etag": "8"}


@pytest.mark.parametrize("source", ["stdin", "environment"])
def test_a_secret_comes_from_stdin_or_the_environment(gateway: FakeGateway, leadsync: Run, source: str) -> None:
    """The credential of an account is read from a place that other users cannot see, and never printed."""
    gateway.on("POST", "/crm-integration", 201, {"id": "i1", "provider": "hubspot", "portalId": "7"})
    arguments = ("integration", "create", "--portal-id", "7", "--map", "firstName=firstname")

    if source == "stdin":
        result = leadsync(*arguments, stdin="pat-secret\n")
    else:
        result = leadsync(*arguments, LEADSYNC_CRM_SECRET="pat-secret")

    assert result.returncode == 0, result.stderr
    body = gateway.requests[0].sent
    assert body["accessToken"] == "pat-secret"
    assert (body["portalId"], body["fieldMapping"]) == ("7", {"firstName": "firstname"})
    assert "pat-secret" not in result.stdout + result.stderr


def test_settings_come_from_a_file_and_their_run_is_named(gateway: FakeGateway, leadsync: Run, tmp_path: Path) -> None:
    """The output of `get --json` can be edited and sent back: only its settings are sent, and a typo is refused."""
    gateway.with_one_integration()
    settings = {"fieldRules": {"phone": {"rule": "crm"}}, "policies": {"matching": {"keys": ["email"]}}}
    file = tmp_path / "acme.json"
    file.write_text(json.dumps(settings | {"id": "only", "paused": True, "portalId": "7"}))
    gateway.on("PATCH", "/crm-integration/only", 200, {"id": "only", "applyRun": {"runId": "r-7"}})

    result = leadsync("integration", "update", "--settings", str(file), "--direction", "to_crm")
    file.write_text('{"fieldMaping": {}}')
    typo = leadsync("integration", "update", "--settings", str(file))

    assert gateway.requests[-1].sent == settings | {"direction": "to_crm"}
    assert "leadsync runs follow r-7" in result.stdout
    assert typo.returncode == 2
    assert "unknown setting fieldMaping" in typo.stderr


def test_the_only_integration_needs_no_name(gateway: FakeGateway, leadsync: Run) -> None:
    """If a tenant has one integration, commands use it; if it has two, they ask for a choice."""
    gateway.with_one_integration()
    gateway.on("POST", "/work/redrive", 200, {"queued": 3})
    first = leadsync("redrive", "--json")
    gateway.on("GET", "/crm-integration", 200, {"integrations": [{"id": "a"}, {"id": "b"}], "nextPageToken": None})

    second = leadsync("redrive")

    assert json.loads(first.stdout) == {"queued": 3}
    assert gateway.requests[1].sent == {"integrationId": "only"}
    assert second.returncode == 2
    assert "--integration: a, b" in second.stderr


def test_a_lead_is_found_by_its_record(gateway: FakeGateway, leadsync: Run) -> None:
    """`leads list --record` asks for the leads of a record, of the only integration unless one is named."""
    gateway.with_one_integration()
    gateway.on("GET", "/leads", 200, {"leads": [], "nextPageToken": None})

    for options in ([], ["-i", "named"]):
        assert leadsync("leads", "list", "--record", "7", *options).returncode == 0

    asked = [request.sent for request in gateway.requests_for("/leads")]
    assert [(one["integrationId"], one["recordId"]) for one in asked] == [("only", "7"), ("named", "7")]


def test_the_local_token_is_never_sent_elsewhere(leadsync: Run, tmp_path: Path) -> None:
    """The data directory's token is used only on this machine; another address needs its own token."""
    (tmp_path / "admin-token").write_text("local\n")

    result = leadsync("leads", "list", "--url", "https://leads.example.com", LEADSYNC_TOKEN="")

    assert result.returncode == 4
    assert "no_token: Give a token for https://leads.example.com" in result.stderr


def test_ids_cannot_reach_other_paths(gateway: FakeGateway, leadsync: Run) -> None:
    """An id with slashes or dots stays one segment of the path."""
    gateway.on("GET", "/leads/..%2Fwork%3Fa", 404, {"reason": "lead_not_found", "detail": "no"})

    result = leadsync("leads", "get", "../work?a")

    assert result.returncode == 5


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete_commands(leadsync: Run, shell: str) -> None:
    """Completion can be installed, --help says so, and it completes commands and option values."""
    words = {"bash": "COMP_WORDS", "zsh": "_TYPER_COMPLETE_ARGS", "fish": "_TYPER_COMPLETE_ARGS"}[shell]
    more = {"COMP_CWORD": "1", "_TYPER_COMPLETE_FISH_ACTION": "get-args", "_LEADSYNC_COMPLETE": f"complete_{shell}"}

    found = leadsync(**more, **{words: "leadsync conf"})

    assert "conflicts" in found.stdout
    assert "--install-completion" in leadsync("--help").stdout


def test_a_lead_is_deleted_for_a_reason(gateway: FakeGateway, leadsync: Run) -> None:
    """Reason and surviving lead are sent as parameters; an unknown reason is refused before anything is sent."""
    gateway.on("DELETE", "/leads/1", 200, {})

    assert leadsync("leads", "delete", "1", "--reason", "merged", "--into", "2").returncode == 0
    assert leadsync("leads", "delete", "1", "--reason", "bored").returncode == 2

    assert [one.sent for one in gateway.requests_for("/leads/1")] == [{"reason": "merged", "into": "2"}]


@pytest.mark.parametrize("url", ["ht!tp://x", "http://[", "ftp://x", "http://a\nb", "x", "https://"])
def test_an_address_that_is_none_is_told(leadsync: Run, url: str) -> None:
    """No traceback, and no advice to start the suite."""
    ended = leadsync("leads", "list", "--url", url)

    assert (ended.returncode, ended.stderr.split(":")[1]) == (2, " invalid_url")


@pytest.mark.parametrize("token", ["é", "a\nb", "a\x1b"])
def test_a_token_that_is_none_is_told(leadsync: Run, token: str) -> None:
    """Its characters could not even be sent. The token is not shown."""
    ended = leadsync("leads", "list", "--token", token)

    assert (ended.returncode, ended.stderr.split(":")[1], token in ended.stderr) == (4, " token_invalid", False)


@pytest.mark.parametrize(
    "options", [("--etag", "é"), ("--first-name", "\udcff"), ("--first-name", "a", "--etag", "\udcff")]
)
def test_an_option_that_cannot_be_sent_is_told(leadsync: Run, options: tuple[str, ...]) -> None:
    """Bytes that are no text, and what no header can hold."""
    given = options if "--first-name" in options else ("--first-name", "a", *options)

    ended = leadsync("leads", "update", "1", *given)

    assert (ended.returncode, ended.stderr.split(":")[1]) == (2, " invalid_field")
