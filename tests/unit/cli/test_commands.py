"""The HTTP commands, run as a process against a gateway that answers what a test wants."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass
class Answer:
    """What the gateway answers to one kind of request."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


class CannedGateway(ThreadingHTTPServer):
    """Answers by method and path, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[tuple[str, str], Answer] = {}
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def on(self, method: str, path: str, status: int, body: dict[str, Any], **headers: str) -> None:
        """Plan an answer."""
        self.answers[method, f"/api/v1{path}"] = Answer(status, body, headers)


class _Handler(BaseHTTPRequestHandler):
    server: CannedGateway

    def do_GET(self) -> None:
        """Answer as planned."""
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("content-length") or 0)
        sent = json.loads(self.rfile.read(length)) if length else query
        self.server.asked.append((self.command, path, {k.lower(): v for k, v in self.headers.items()}, sent))
        answer = self.server.answers[self.command, path]
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(json.dumps(answer.body).encode())

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 (so does the base class)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class calls it so)
        """Say nothing."""


@pytest.fixture
def gateway() -> Iterator[CannedGateway]:
    """Give a gateway that listens."""
    with CannedGateway() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def leadsync(gateway: CannedGateway, tmp_path: Path) -> Run:
    """Give a function that runs the command line against the gateway."""

    def run(*arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "LEADSYNC_URL": gateway.url,
            "LEADSYNC_TOKEN": "t0ken",
            "COLUMNS": "200",
        }
        environment |= {"LEADSYNC_DATA_DIR": str(tmp_path)} | more
        command = [sys.executable, "-P", "-m", "leadsync_cli", *arguments]
        return subprocess.run(
            command, env=environment, input=stdin, capture_output=True, text=True, check=False, timeout=30
        )

    return run


@pytest.mark.parametrize(
    ("status", "exit_code"), [(400, 2), (401, 4), (403, 4), (404, 5), (409, 6), (429, 3), (500, 1), (503, 3)]
)
def test_a_refusal_is_told_with_its_reason_and_an_exit_code(
    gateway: CannedGateway, leadsync: Run, status: int, exit_code: int
) -> None:
    """Reason and detail of a problem come out on stderr, and the exit code says which kind it was."""
    gateway.on("GET", "/leads/1", status, {"reason": "some_reason", "detail": "what it means"})

    result = leadsync("leads", "get", "1")

    assert result.returncode == exit_code
    assert result.stderr.startswith("leadsync: some_reason: what it means")
    assert result.stdout == ""


def test_fields_at_fault_are_named(gateway: CannedGateway, leadsync: Run) -> None:
    """Each field that the gateway does not accept is told with its message."""
    faults = [{"field": "email", "message": "is not an address"}, {"field": "phone", "message": "is too long"}]
    gateway.on("POST", "/leads", 400, {"reason": "invalid_field", "detail": "two faults", "errors": faults})

    result = leadsync("leads", "create", "--email", "x", "--phone", "y")

    assert "email: is not an address" in result.stderr
    assert "phone: is too long" in result.stderr


def test_with_json_a_refusal_is_json_too(gateway: CannedGateway, leadsync: Run) -> None:
    """With --json, stderr holds one JSON object with reason and detail."""
    gateway.on("GET", "/leads/1", 404, {"reason": "lead_not_found", "detail": "no such lead"})

    result = leadsync("leads", "get", "1", "--json")

    assert json.loads(result.stderr) == {"reason": "lead_not_found", "detail": "no such lead"}


def test_an_answer_that_is_no_problem_json_is_still_told(gateway: CannedGateway, leadsync: Run) -> None:
    """A proxy's error page, or anything else in between, ends in a plain error and no traceback."""
    gateway.on("GET", "/leads/1", 502, {})

    result = leadsync("leads", "get", "1")

    assert (result.returncode, result.stderr.splitlines()[0]) == (3, "leadsync: http_502: Bad Gateway")


def test_no_gateway_is_told_in_one_line(leadsync: Run) -> None:
    """Without a gateway the command says where it looked, and how to start one."""
    result = leadsync("leads", "list", LEADSYNC_URL="http://127.0.0.1:9")

    assert result.returncode == 3
    assert "gateway_unreachable: No answer from http://127.0.0.1:9" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_update_sends_only_what_is_given_guarded_by_the_etag(gateway: CannedGateway, leadsync: Run) -> None:
    """An update names the given fields alone, an empty one clears, and the etag becomes If-Match."""
    gateway.on("PATCH", "/leads/1", 200, {"id": "1"}, ETag='"8"')

    result = leadsync("leads", "update", "1", "--phone", "", "--custom", "tier=gold", "--etag", "7", "--json")

    _, _, headers, body = gateway.asked[0]
    assert body == {"phone": "", "customFields": {"tier": "gold"}}
    assert headers["if-match"] == '"7"'
    assert headers["authorization"] == "Bearer t0ken"
    assert json.loads(result.stdout) == {"id": "1", "etag": "8"}


@pytest.mark.parametrize("source", ["stdin", "environment"])
def test_a_secret_comes_from_stdin_or_the_environment(gateway: CannedGateway, leadsync: Run, source: str) -> None:
    """The credential of an account is read where no other user of the machine can see it, and never printed."""
    gateway.on("POST", "/crm-integration", 201, {"id": "i1", "provider": "hubspot", "portalId": "7"})
    arguments = ("integration", "create", "--portal-id", "7", "--map", "firstName=firstname")

    if source == "stdin":
        result = leadsync(*arguments, stdin="pat-secret\n")
    else:
        result = leadsync(*arguments, LEADSYNC_CRM_SECRET="pat-secret")

    assert result.returncode == 0, result.stderr
    body = gateway.asked[0][3]
    assert body["accessToken"] == "pat-secret"
    assert (body["portalId"], body["fieldMapping"]) == ("7", {"firstName": "firstname"})
    assert "pat-secret" not in result.stdout + result.stderr


def test_the_only_integration_needs_no_name(gateway: CannedGateway, leadsync: Run) -> None:
    """Where a tenant has one integration, commands use it; where it has two, they ask."""
    gateway.on("GET", "/crm-integration", 200, {"integrations": [{"id": "only"}], "nextPageToken": None})
    gateway.on("POST", "/work/redrive", 200, {"queued": 3})
    first = leadsync("redrive", "--json")
    gateway.on("GET", "/crm-integration", 200, {"integrations": [{"id": "a"}, {"id": "b"}], "nextPageToken": None})

    second = leadsync("redrive")

    assert json.loads(first.stdout) == {"queued": 3}
    assert gateway.asked[1][3] == {"integrationId": "only"}
    assert second.returncode == 2
    assert "--integration: a, b" in second.stderr


def test_the_local_token_is_never_sent_elsewhere(leadsync: Run, tmp_path: Path) -> None:
    """The data directory's token is used on this machine only; another address needs a token of its own."""
    (tmp_path / "admin-token").write_text("local\n")

    result = leadsync("leads", "list", "--url", "https://leads.example.com", LEADSYNC_TOKEN="")

    assert result.returncode == 4
    assert "no_token: Give a token for https://leads.example.com" in result.stderr


def test_ids_cannot_reach_other_paths(gateway: CannedGateway, leadsync: Run) -> None:
    """An id with slashes or dots stays one segment of the path."""
    gateway.on("GET", "/leads/..%2Fwork%3Fa", 404, {"reason": "lead_not_found", "detail": "no"})

    result = leadsync("leads", "get", "../work?a")

    assert result.returncode == 5
