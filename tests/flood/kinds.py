"""What hostile senders send: of each kind some pieces, each for a connection of its own."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

from fuzz.json_mutator import mutated
from fuzz.target import Target
from fuzz.targets import TARGETS
from hubspot_simulator.core.signatures import signature_v3
from leadsync_cli.suite.catalogue import SIMULATED, SIMULATED_ACCOUNT

HOOK = "/api/v1/webhooks/hubspot"
MIB = 1024 * 1024
PIPELINED = 8  # requests that are sent at once on a connection
LISTS = ("leads", "events", "work", "conflicts", "matches", "duplicates", "lead-fields", "crm-integration",
         "crm-integration/runs", "leads/x/history", "crm-integration/x/fields", "crm-integration/sync-status",
         "crm-integration/x/webhook-status")  # fmt: skip
CHANGES = ("leads", "work/redrive", "conflicts/resolve", "conflicts/resolve-all", "matches/pick",
           "crm-integration/import", "crm-integration/sync-leads")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """What one connection sends, and how many requests that is. `held` = it stays open until the flood is over."""

    sent: bytes
    requests: int = 1
    held: bool = False


@dataclass(frozen=True, slots=True)
class Sender:
    """What the senders of a flood know: the gateway's address, and a token of each of some roles."""

    url: str
    tokens: dict[str, str]
    chance: random.Random

    @property
    def now_ms(self) -> int:
        """Milliseconds since 1970: a signature counts for five minutes."""
        return int(time.time() * 1000)


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """Write a request."""
    named = {"host": "x", "content-length": str(len(body))} | {key.replace("_", "-"): headers[key] for key in headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1", "replace") + body


@cache
def _kept(target: Target) -> list[bytes]:
    return [path.read_bytes() for path in target.kept()]


def _foreign(name: str, chance: random.Random) -> bytes:
    """An input of a target of the fuzzer, mostly changed."""
    data = chance.choice(_kept(TARGETS[name]))
    if chance.random() < 0.7 and (found := mutated(data, chance.randrange(2**32))):
        return found
    if data and chance.random() < 0.7:
        at = chance.randrange(len(data))
        return data[:at] + chance.randbytes(chance.randrange(4)) + data[at + chance.randrange(3) :]
    return data


def _several(make: Callable[[], bytes]) -> Piece:
    return Piece(b"".join(make() for _ in range(PIPELINED)), PIPELINED)


def _no_requests(by: Sender) -> Piece:
    return Piece(b"\x16\x03\x01" + by.chance.randbytes(40) + b"\r\n\r\n")


def _connections(by: Sender) -> Piece:
    return Piece(_foreign("connection", by.chance))


def _endless_headers(by: Sender) -> Piece:
    line = by.chance.choice((b"a: b\r\n", b"a: " + b"b" * 5000 + b"\r\n", b"a"))
    return Piece(b"GET / HTTP/1.1\r\nhost: x\r\n" + line * (MIB // len(line)))


def _idle(by: Sender) -> Piece:
    return Piece(by.chance.choice((b"", b"GET / HTTP/1.1\r\nhost: x\r\na: ")), held=True)


def _trickles(by: Sender) -> Piece:
    return Piece(_forged(by, b"x" * 100)[:-99], held=True)


def _large_bodies(by: Sender) -> Piece:
    return Piece(_forged(by, b"x" * 9 * MIB)[: -MIB // 2], held=True)


def _forged(by: Sender, body: bytes) -> bytes:
    stamp = str(by.now_ms)
    return request("POST", HOOK, body, x_hubspot_signature_v3="A" * 43 + "=", x_hubspot_request_timestamp=stamp)


def _forged_webhooks(by: Sender) -> Piece:
    return _several(lambda: _forged(by, _foreign("webhook_body", by.chance)))


def _unsigned_webhooks(by: Sender) -> Piece:
    return _several(lambda: request("POST", HOOK, _foreign("webhook_body", by.chance)))


def _signed_nonsense(by: Sender) -> Piece:
    return Piece(_signed(by, _foreign("webhook_body", by.chance)))


def _signed(by: Sender, body: bytes) -> bytes:
    secret, at = SIMULATED["HUBSPOT_CLIENT_SECRET"], by.now_ms
    signature = signature_v3(secret, "POST", by.url + HOOK, body, at)
    return request("POST", HOOK, body, x_hubspot_signature_v3=signature, x_hubspot_request_timestamp=str(at))


def large_delivery(by: Sender) -> bytes:
    """A thousand events of 6 KiB each, as the CRM itself may send them: pages of events have to show them."""
    event = (
        f'{{"portalId":{SIMULATED_ACCOUNT},"subscriptionType":"contact.propertyChange","objectId":%d,"propertyName":"x",'
        f'"propertyValue":"{"v" * 6000}","occurredAt":{by.now_ms},"changeSource":"x","sourceId":"1"}}'
    )
    same = by.chance.choices(range(100), k=1000)  # records: to look at more of them is other work than is tried here
    return _signed(by, f"[{','.join(event % (20_000_000 + record) for record in same)}]".encode())


def _wrong_tokens(by: Sender) -> Piece:
    token = _foreign("bearer", by.chance).decode("latin-1").replace("\n", "").replace("\r", "")
    return Piece(request("GET", "/api/v1/leads", authorization=f"Bearer {token}"))


def _queries(by: Sender) -> Piece:
    def make() -> bytes:
        kind = by.chance.choice(("api_query", "page_token", "connector_page"))
        text = _foreign(kind, by.chance)
        query = quote(text[1:], safe="=&%") if kind == "api_query" else f"pageToken={quote(text)}"
        role = by.chance.choice(list(by.tokens))
        return request("GET", f"/api/v1/{by.chance.choice(LISTS)}?{query}", authorization=f"Bearer {by.tokens[role]}")

    return _several(make)


def _bodies(by: Sender) -> Piece:
    def make() -> bytes:
        token = by.tokens[by.chance.choice(("viewer", "operator"))]
        body = _foreign("api_body", by.chance)[1:]
        return request("POST", f"/api/v1/{by.chance.choice(CHANGES)}", body, authorization=f"Bearer {token}")

    return _several(make)


def _event_pages(by: Sender) -> Piece:
    path = by.chance.choice(("/api/v1/events", "/api/v1/events?pageSize=200"))
    return Piece(request("GET", path, authorization=f"Bearer {by.tokens['viewer']}"))


# How many of 1,000 requests are of a kind.
SHARES: dict[str, tuple[Callable[[Sender], Piece], float]] = {
    "no HTTP": (_no_requests, 250),
    "broken or odd HTTP": (_connections, 150),
    "endless headers": (_endless_headers, 10),
    "idle or half a head": (_idle, 15),
    "a byte of a body": (_trickles, 10),
    "8.5 of 9 MiB": (_large_bodies, 0.3),
    "webhooks, made-up signature": (_forged_webhooks, 200),
    "webhooks, no signature": (_unsigned_webhooks, 150),
    "webhooks, signed nonsense": (_signed_nonsense, 20),
    "wrong tokens": (_wrong_tokens, 100),
    "API: odd queries": (_queries, 60),
    "API: odd bodies": (_bodies, 30),
    "API: pages of events": (_event_pages, 2),
}


def pieces(by: Sender, requests: int) -> Iterator[tuple[str, Piece]]:
    """Make the pieces of a flood of about so many requests, of all kinds in mixed order."""
    left = {kind: max(1, round(requests * share / 1000)) for kind, (_, share) in SHARES.items()}
    while left:
        (kind,) = by.chance.choices(list(left), [*left.values()])
        piece = SHARES[kind][0](by)
        left[kind] -= piece.requests
        if left[kind] <= 0:
            del left[kind]
        yield kind, piece
