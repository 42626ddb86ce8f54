"""One request of somebody who has signed in."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode
from zoneinfo import available_timezones

import msgspec
from starlette.requests import Request

from webhook_gateway.console.operations import Operations
from webhook_gateway.console.session import Session
from webhook_gateway.http.requests import read
from webhook_gateway.problem import Fault, Problem, invalid

T = TypeVar("T")
MOST_FORM, MOST_FIELDS = 256 * 1024, 2_000  # bytes, and fields of a form
_ZONES = available_timezones() | {"UTC"}


@dataclass(frozen=True, slots=True)
class Visit:
    """A request, who makes it, and the nonce of the page that answers it."""

    request: Request
    session: Session
    operations: Operations
    nonce: str
    query: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)  # of CRMs, by their slugs

    @property
    def zone(self) -> str:
        """The time zone of the page; empty = that of the viewer's browser."""
        zone = self.query.get("tz", "")
        return zone if zone in _ZONES else ""

    async def call(self, function: Callable[..., Awaitable[T]], **arguments: Any) -> T:
        """Do an operation of the API. Raises Problem."""
        return await self.operations.call(self.session.caller, function, **arguments)

    def title_of(self, provider: str) -> str:
        """Give the name of a CRM for people."""
        return self.titles.get(provider, provider)

    def may(self, function: Callable[..., Awaitable[Any]]) -> bool:
        """Whether the visitor's role is enough for an operation."""
        return self.operations.may(self.session.caller, function)

    def asked(self, kind: type[T], **more: object) -> T:
        """Read the query as what an operation takes; what is of the page alone is left out. Raises Problem 400."""
        of_struct: Any = kind  # every query is a Struct, which a free type cannot say
        known = {one.encode_name for one in msgspec.structs.fields(of_struct)}
        found = {name: value for name, value in self.query.items() if name in known and value}
        return read(found | more, kind, strict=False)

    def address(self, **changes: object) -> str:
        """Give the address of this page with other parameters; None or an empty one leaves a parameter out."""
        return address(self.request.url.path, dict(self.query) | changes)

    async def form(self) -> dict[str, str]:
        """Read the fields of a form. Raises Problem 400 or 413."""
        return {name: values[-1] for name, values in (await self.fields()).items()}

    async def fields(self) -> dict[str, list[str]]:
        """Read the fields of a form, each with all its values. Raises Problem 400 or 413."""
        if not self.request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raise invalid(Fault("content-type", "must be that of a form"))
        body = bytearray()
        async for chunk in self.request.stream():
            body += chunk
            if len(body) > MOST_FORM:
                close = {"connection": "close"}
                raise Problem(413, "body_too_large", f"a form has at most {MOST_FORM} bytes", headers=close)
        try:
            return parse_qs(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
        except ValueError as error:
            raise invalid(Fault("body", f"must be a form in UTF-8 with at most {MOST_FIELDS} fields")) from error


def address(path: str, parameters: Mapping[str, object] | None = None) -> str:
    """Make an address with parameters; None or an empty one is left out."""
    given = {name: value for name, value in (parameters or {}).items() if value not in {None, ""}}
    return f"{path}?{urlencode(given)}" if given else path
