"""What crm-connector reads of HubSpot, and what it makes of values on their way there and back."""

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from typing import Any

import requests
from crm_connector.clients import mapping as messages
from crm_connector.crm import Access, Crm, CrmProvider, Page, ProviderContext
from crm_connector.domain.errors import ConnectorError, CrmError, CrmRejectedError, InvalidError
from crm_connector.domain.integration import Credential, CredentialKind
from crm_connector.domain.mapping import FieldMapping
from crm_connector.domain.observation import Lease, Unread, Write, WriteKind, WriteResult
from crm_connector.domain.transforms import Transform, TransformKind, to_crm, to_platform
from crm_connector.domain.values import ValueType, canonical
from crm_connector.providers.hubspot.errors import error_of
from crm_connector.providers.hubspot.provider import HubSpot
from crm_connector.providers.hubspot.settings import HubSpotSettings
from crm_connector.providers.hubspot.spelling import HubSpotSpelling
from crm_connector.rpc.mapping import page_start, page_token
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from fuzz.target import LARGEST, Target, chosen, lines, text_of

STATUSES = (200, 201, 204, 207, 302, 400, 401, 403, 404, 409, 423, 429, 477, 500, 502)
MOST_CALLS = 40  # of one operation on three records, halves and retries included
FAR = 1e12  # a deadline that is far away
AT = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = list(ValueType)
STEPS: tuple[tuple[Transform, ...], ...] = (
    *((Transform(kind),) for kind in TransformKind if kind is not TransformKind.OPTIONS),
    (Transform(TransformKind.PHONE_E164, "CH"),),
    (Transform(TransformKind.TRIM), Transform(TransformKind.LOWER)),
    (Transform(TransformKind.OPTIONS, options=(("a", "b"), ("b", "a"))),),
)
_WORD = re.compile(r"[A-Za-z0-9_.]{0,100}")


class _Time(threading.Event):
    """A clock that runs only while somebody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        return False


class _Wire(BaseAdapter):
    """A CRM that answers every call the same way."""

    answer: tuple[int, dict[str, str], bytes]
    calls = 0

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        self.calls += 1
        assert self.calls <= MOST_CALLS
        response = requests.Response()
        status, headers, body = self.answer
        response.status_code, response.headers = status, CaseInsensitiveDict(headers)
        response.raw, response.request, response.url = BytesIO(body), request, request.url or ""
        return response

    def close(self) -> None:
        pass


class _Token:
    def get(self) -> Access:
        return Access("token")

    def reject(self, token: str) -> None:
        pass


LEASES = [
    Lease("w1", 1, record_id="1"),
    Lease("w2", 1, record_id="2", history=True),
    Lease("w3", 1, lead_id="lead", email="ada@example.com"),
]
VALUES = {"email": "ada@example.com", "first_name": "Ada"}
WRITES = [
    Write("write1", WriteKind.UPDATE, "1", "lead", VALUES),
    Write("write2", WriteKind.CREATE, "", "lead", VALUES),
    Write("write3", WriteKind.ARCHIVE, "3", "lead", {}),
]


def _observe(_: CrmProvider, crm: Crm) -> None:
    for seen in crm.observe(LEASES, FAR):
        if not isinstance(seen.state, Unread):
            messages.observation(seen).SerializeToString()


def _write(_: CrmProvider, crm: Crm) -> None:
    for write_id, outcome in crm.write(WRITES, FAR).items():
        messages.write_result(WriteResult("w", 1, write_id, outcome)).SerializeToString()


def _pages(_: CrmProvider, crm: Crm) -> None:
    reads: list[Callable[[], Page]] = [lambda: crm.changed_since(AT, None, FAR), lambda: crm.all_records("", FAR)]
    for read in reads:
        with suppress(CrmError):
            for record in read().records:
                messages.present(record).SerializeToString()
    with suppress(CrmError):
        assert all(one.record_id.isdecimal() for one in crm.removed_since(AT, "", FAR).records)


def _schema(_: CrmProvider, crm: Crm) -> None:
    mapping = FieldMapping({"email": "email"})
    asks: list[Callable[[], object]] = [crm.schema, crm.default_mapping, crm.count, lambda: crm.prepare(mapping, set())]
    for ask in asks:
        with suppress(ConnectorError):
            repr(ask()).encode()


def _account(provider: CrmProvider, crm: Crm) -> None:
    asks: list[Callable[[], object]] = [
        lambda: crm.account(writes=True),
        lambda: provider.authenticate(Credential(CredentialKind.OAUTH, {"refresh_token": "r"})),
    ]
    if (admin := provider.webhooks("1")) is not None:
        asks += [admin.target, admin.list, lambda: admin.create("contact.creation", "")]
    for ask in asks:
        with suppress(ConnectorError):
            repr(ask()).encode()


OPERATIONS = (_observe, _write, _pages, _schema, _account)


@cache
def _provider() -> tuple[HubSpot, _Wire]:
    time, wire = _Time(), _Wire()
    settings = HubSpotSettings(client_id="c", client_secret="s", developer_key="k")
    return HubSpot(settings, ProviderContext("jazzaam", time, monotonic=lambda: time.now), wire), wire


def hubspot_answer(data: bytes) -> None:
    """Whatever HubSpot answers, an operation ends in bounded calls with a CrmError or with data that can be sent on."""
    which, rest = chosen(data, len(OPERATIONS))
    status, rest = chosen(rest, len(STATUSES))
    retry_after, limit, body = lines(rest, 3)
    headers = {
        "Retry-After": retry_after.decode("latin-1"),
        "X-HubSpot-RateLimit-Max": limit.decode("latin-1"),
        "X-HubSpot-RateLimit-Interval-Milliseconds": retry_after.decode("latin-1"),
        "X-HubSpot-RateLimit-Daily": limit.decode("latin-1"),
        "X-HubSpot-RateLimit-Daily-Remaining": retry_after.decode("latin-1"),
    }
    provider, wire = _provider()
    wire.answer, wire.calls = (STATUSES[status], headers, body), 0
    crm = provider.open(_Token(), CredentialKind.OAUTH)
    with suppress(CrmError):
        OPERATIONS[which](provider, crm)


def hubspot_error(data: bytes) -> None:
    """An error says nothing but words of HubSpot's: what it keeps cannot be a value of a person."""
    which, body = chosen(data, len(STATUSES))
    error = error_of(STATUSES[which], body, {"Retry-After": "9" * 400})
    assert (error.retry_after or 0) <= 86_400
    if isinstance(error, CrmRejectedError):
        assert _WORD.fullmatch(error.category)
        assert all(map(_WORD.fullmatch, error.properties))
    assert len(str(error)) <= LARGEST


def spelling(data: bytes) -> None:
    """A value in HubSpot's spelling comes back from the platform as it was, by itself and through steps."""
    which, rest = chosen(data, len(KINDS))
    kind, text, hubspot = KINDS[which], text_of(rest), HubSpotSpelling()
    read = hubspot.read(kind, text)
    assert hubspot.read(kind, hubspot.write(kind, read)) == read
    assert canonical(kind, canonical(kind, text)) == canonical(kind, text)
    for steps in STEPS:
        there = to_platform(steps, text)
        there.encode()
        assert to_platform(steps, to_crm(steps, there)) == there


def connector_page(data: bytes) -> None:
    """A page token is refused as such, or names a text that a query takes; one of ours comes back."""
    text = text_of(data)
    with suppress(InvalidError):
        page_start(text).encode()
    if len(page_token(text)) <= 256:
        assert page_start(page_token(text)) == text


TARGETS = (
    Target(hubspot_answer, holds_json=True),
    Target(hubspot_error, holds_json=True),
    Target(spelling),
    Target(connector_page),
)
