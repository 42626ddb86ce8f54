"""A connection to the gateway: address, token, JSON in and out."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.gateway.problems import raise_for_problem
from leadsync_cli.keys import read_private
from leadsync_cli.settings import Settings

TIMEOUT_SECONDS = 30.0  # to connect an account, the connector calls the CRM meanwhile
LOOPBACK = {"127.0.0.1", "localhost", "::1"}

Json = dict[str, Any]


class Gateway:
    """The HTTP API of one gateway, called with one token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        address = urlsplit(url)
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=address.hostname not in LOOPBACK,
            verify=address.scheme != "http",  # without TLS there is nothing to verify, and certificates load slowly
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: str | int | None) -> Json:
        """GET; None and empty options are left out. Raises CommandError."""
        return self.call("GET", path, query=query)

    def post(self, path: str, body: Json | None = None, request_id: str = "") -> Json:
        """POST a JSON object, or nothing; a request id makes it repeatable. Raises CommandError."""
        return self.call("POST", path, body=body, headers={"Idempotency-Key": request_id} if request_id else {})

    def patch(self, path: str, body: Json, etag: str = "") -> Json:
        """PATCH, guarded by the etag if there is one. Raises CommandError."""
        return self.call("PATCH", path, body=body, headers=_if_match(etag))

    def delete(self, path: str, etag: str = "", **query: str | None) -> Json:
        """DELETE, guarded by the etag if there is one. Raises CommandError."""
        return self.call("DELETE", path, query=query, headers=_if_match(etag))

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        """Make one call and return the answer's JSON object (an empty one if it is empty), with its ETag as `etag`.

        Raises CommandError with the gateway's own reason, or `gateway_unreachable`.
        """
        params = {name: value for name, value in (query or {}).items() if value not in {None, ""}}
        try:
            answer = self._http.request(method, f"/api/v1{path}", params=params, json=body, headers=headers)
        except httpx.TransportError as error:
            raise _unreachable(self.url, error) from error
        except UnicodeEncodeError:
            detail = "An argument or option holds characters that cannot be sent."
            raise CommandError("invalid_field", detail, Exit.USAGE) from None
        raise_for_problem(answer)
        found = _body(answer)
        if etag_now := answer.headers.get("etag"):
            found.setdefault("etag", etag_now.removeprefix("W/").strip('"'))
        return found


def post_webhook(url: str, body: bytes, headers: Mapping[str, str], hints: Mapping[str, str]) -> Json:
    """POST a webhook as a CRM does, without a token. Raises CommandError, with further hints by reason."""
    local = urlsplit(url).hostname in LOOPBACK
    try:
        answer = httpx.post(url, content=body, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=not local)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise _unreachable(url, error) from error
    raise_for_problem(answer, hints)
    return _body(answer)


def _unreachable(url: str, error: Exception) -> CommandError:
    detail = f"No answer from {url} ({type(error).__name__})."
    return CommandError("gateway_unreachable", detail, Exit.UNREACHABLE, "Is it running? `leadsync up` starts it here.")


def _body(answer: httpx.Response) -> Json:
    """Return the JSON object of a success; an empty body gives an empty object. Raises CommandError otherwise."""
    try:
        found = answer.json() if answer.content else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        detail = f"{answer.url} answers, but is no leadsync gateway."
        raise CommandError("not_a_gateway", detail, Exit.FAILED, "Check --url or LEADSYNC_URL.")
    return found


def segment(text: str) -> str:
    """Return an id as one segment of a path, whatever it contains. Raises CommandError if it cannot be one."""
    if text in {"", ".", ".."}:
        raise CommandError("invalid_id", f"{text!r} is not an id.", Exit.USAGE)
    return quote(text, safe="", errors="surrogateescape")  # bytes that are no text in this machine's encoding, too


def _if_match(etag: str) -> dict[str, str]:
    """Return the header that lets a change happen only if this is the present etag."""
    return {"If-Match": f'"{etag.strip(chr(34))}"'} if etag else {}


def connect(settings: Settings, url: str = "", token: str = "") -> Gateway:
    """Open a connection with the options, else the environment, else the local data directory.

    Raises CommandError if there is no token anywhere, or the address or the token cannot be one.
    """
    address = (url or settings.url).rstrip("/")
    if not _is_address(address):
        detail = f"{address!r} is no address such as https://leads.example.com; --url or LEADSYNC_URL sets it."
        raise CommandError("invalid_url", detail, Exit.USAGE)
    bearer = token or settings.token
    if not (bearer.isascii() and bearer.isprintable()):
        detail = "The token of --token or LEADSYNC_TOKEN holds characters that no token has."
        raise CommandError("token_invalid", detail, Exit.REFUSED)
    if not bearer and urlsplit(address).hostname not in LOOPBACK:  # the local token is never sent to another machine
        raise CommandError("no_token", f"Give a token for {address} with --token or LEADSYNC_TOKEN.", Exit.REFUSED)
    if not bearer:
        try:
            bearer = read_private(settings.admin_token_file)
        except FileNotFoundError:
            detail = (
                f"There is no token: {settings.admin_token_file} does not exist.\n"
                "Start the suite with `leadsync up`, or give one with --token or LEADSYNC_TOKEN."
            )
            raise CommandError("no_token", detail, Exit.REFUSED) from None
    return Gateway(address, bearer)


def _is_address(text: str) -> bool:
    """Say whether it is an http or https address of a host."""
    try:
        address, parts = httpx.URL(text), urlsplit(text)
    except (httpx.InvalidURL, ValueError):
        return False
    return address.scheme in {"http", "https"} and bool(address.host and parts.hostname)
