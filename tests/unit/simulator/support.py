"""A running simulator, a receiver for its deliveries, and a way to call its API."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx
import uvicorn
from hubspot_simulator.client import ControlClient
from hubspot_simulator.core.simulator import Simulator
from hubspot_simulator.http.app import build_app
from hubspot_simulator.http.cutting import CuttableProtocol
from hubspot_simulator.settings import Settings

TOKEN = "pat-na1-simulator"
APP_ID = 39522895
CONTACTS = "/crm/v3/objects/contacts"


def wait_until(condition: Callable[[], bool], timeout: float = 60.0) -> None:
    """Wait for a condition; fail if it does not become true in time."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.01)


class RunningSimulator:
    """A simulator behind a real socket, in a thread."""

    def __init__(self, simulator: Simulator | None = None) -> None:
        app = build_app(simulator or Simulator(Settings()))
        config = uvicorn.Config(app, port=0, http=CuttableProtocol, log_level="error", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        wait_until(lambda: self._server.started)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.control = ControlClient(self.url)
        self.api = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False)

    def stop(self) -> None:
        """Stop it."""
        self.control.close()
        self.api.close()
        self._server.should_exit = True
        self._thread.join(10)

    def post(self, path: str, body: object, status: int = 200) -> Any:
        """POST to the contacts API and expect a status."""
        answer = self.api.post(CONTACTS + path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def create(self, **properties: str) -> str:
        """Create a contact with the app's token."""
        return str(self.post("", {"properties": properties}, 201)["id"])

    def hold_events(self) -> None:
        """Collect events until `release_events`, so that they travel in one delivery, in order."""
        self.control.set(delivery_delay_seconds=60)

    def release_events(self) -> None:
        """Let the held events go."""
        self.control.advance(61)
        self.control.wait_idle()

    def unique_property(self, name: str = "leadsync_lead_id") -> None:
        """Define a unique property."""
        body: dict[str, object] = {"name": name, "label": name, "groupName": "contactinformation", "type": "string"}
        body |= {"fieldType": "text", "hasUniqueValue": True}
        assert self.api.post("/crm/v3/properties/contacts", json=body).status_code == 201


@dataclass
class Received:
    """One request that the receiver got."""

    headers: dict[str, str]
    body: bytes
    events: list[dict[str, Any]] = field(default_factory=list)


class Receiver:
    """A webhook target. `answer` decides the status of each request, which takes `seconds`."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[int], int] = lambda _number: 200
        self.seconds = 0.0
        self.in_flight = 0
        self.most_in_flight = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/api/v1/webhooks/hubspot"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def events(self) -> list[dict[str, Any]]:
        """Every event of every request."""
        return [event for one in self.received for event in one.events]

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """Wait for so many events."""
        wait_until(lambda: len(self.events()) >= count)
        return self.events()

    def _note(self, one: Received) -> int:
        with self._lock:
            self.received.append(one)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            return len(self.received)

    def _handler(receiver) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                number = receiver._note(Received(headers, body, json.loads(body)))
                time.sleep(receiver.seconds)
                status = receiver.answer(number)
                with receiver._lock:
                    receiver.in_flight -= 1
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        return Handler
