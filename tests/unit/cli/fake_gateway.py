"""A gateway that gives planned answers and records its requests."""

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]


@dataclass
class Answer:
    """A planned answer to one request."""

    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class SentRequest:
    """A recorded request. `sent` is its JSON body, or else its query; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    sent: Any
    raw: bytes


class FakeGateway(ThreadingHTTPServer):
    """Answers by method and path. If several answers are planned, they are given in order; the last one repeats."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[tuple[str, str], list[Answer]] = {}
        self.requests: list[SentRequest] = []

    @property
    def url(self) -> str:
        """Address of the gateway."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def on(self, method: str, path: str, status: int, body: Json, *later: Json, **headers: str) -> None:
        """Plan an answer, and further ones for later requests."""
        planned = [Answer(status, content, headers) for content in (body, *later)]
        self.answers[method, f"/api/v1{path}"] = planned

    def with_one_integration(self) -> None:
        """Plan that the tenant has one integration, called `only`."""
        self.on("GET", "/crm-integration", 200, {"integrations": [{"id": "only"}], "nextPageToken": None})

    def requests_for(self, path: str) -> list[SentRequest]:
        """Return the requests for a path."""
        return [one for one in self.requests if one.path == f"/api/v1{path}"]


class _Handler(BaseHTTPRequestHandler):
    server: FakeGateway

    def do_GET(self) -> None:
        """Answer as planned."""
        path, _, query = self.path.partition("?")
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        sent = json.loads(raw) if raw else dict(parse_qsl(query))
        self.server.requests.append(SentRequest(self.command, path, headers, sent, raw))
        planned = self.server.answers[self.command, path]
        answer = planned.pop(0) if len(planned) > 1 else planned[0]
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(json.dumps(answer.body).encode())

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 (names of the base class)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (a name of the base class)
        """Log nothing."""
