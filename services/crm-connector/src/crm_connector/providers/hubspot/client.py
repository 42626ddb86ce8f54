"""One HTTP call to HubSpot: token, budget, deadline. The class of an error says whether the call may have landed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar

import msgspec
import requests
from requests.adapters import BaseAdapter
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from crm_connector.crm import TokenSource
from crm_connector.domain.errors import (
    AuthFailedError,
    CrmError,
    CrmUnavailableError,
    CrmUncertainError,
    LeaseTooShortError,
    RateLimitedError,
)
from crm_connector.providers.hubspot.budget import AccountBudget
from crm_connector.providers.hubspot.errors import error_of
from crm_connector.providers.hubspot.paths import Paths
from crm_connector.providers.hubspot.sockets import PromptAdapter

_MAX_ANSWER_BYTES = 32 * 1024 * 1024
_CONNECT_SHARE = 0.3
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer below 300."""

    status: int
    body: bytes

    def as_(self, kind: type[_T]) -> _T:
        """Read the body as this type.

        Raises:
            CrmUncertainError: if it is of another form, so that nobody knows what HubSpot did.

        """
        try:
            return msgspec.json.decode(self.body, type=kind, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            message = "HubSpot's answer is not of the form that it documents."
            raise CrmUncertainError("crm_answer_unreadable", message) from error


class Bearer(requests.auth.AuthBase):
    """Sets the token explicitly, so that no .netrc of the machine can replace it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Transport:
    """Sends requests and reads bounded answers. All accounts of the process share one, and its connection pool."""

    def __init__(
        self,
        base_url: str,
        timeout: float,
        count_call: Callable[[str, int], None] = lambda *_: None,
        adapter: BaseAdapter | None = None,
    ) -> None:
        """Each call takes at most `timeout` seconds. `adapter` replaces the one that opens real connections."""
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout
        self._count_call = count_call
        self._session = requests.Session()
        # Threads share it, which is safe as long as nothing is kept between calls: no cookies, no redirects.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers["User-Agent"] = "leadsync-crm-connector"
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, adapter or PromptAdapter())

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Send once and read the whole answer: status, body, headers.

        Raises:
            CrmUnavailableError: if nothing was sent.
            CrmUncertainError: if something was sent and no whole answer came in time.

        """
        connect = self.timeout * _CONNECT_SHARE
        started = time.monotonic()
        try:
            with self._session.request(
                method, self.base_url + path, params=params, data=form, json=json, auth=Bearer(token),
                timeout=(connect, self.timeout - connect), allow_redirects=False, stream=True,
            ) as response:  # fmt: skip
                body = self._read(response, started + self.timeout)
        except requests.RequestException as error:
            self._count_call(method, 0)
            # `from None`: the text of the original error holds the URL, which may hold a key
            raise _failure(error) from None
        self._count_call(method, response.status_code)
        return response.status_code, body, response.headers

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        """Read the body, bounded in size and time."""
        chunks, size = [], 0
        for chunk in response.iter_content(65_536):
            chunks.append(chunk)
            size += len(chunk)
            if size > _MAX_ANSWER_BYTES or time.monotonic() > deadline:
                raise requests.ReadTimeout
        return b"".join(chunks)


class HubSpotClient:
    """Calls for one account with one credential."""

    def __init__(
        self,
        transport: Transport,
        paths: Paths,
        budget: AccountBudget,
        token: TokenSource,
        *,
        low_priority: bool = False,
    ) -> None:
        """Calls of `low_priority` leave a reserve of the budget to others."""
        self._transport = transport
        self.paths = paths
        self.budget = budget
        self._token = token
        self._low_priority = low_priority

    def low_priority(self) -> "HubSpotClient":
        """Give the same client for work that may wait."""
        return HubSpotClient(self._transport, self.paths, self.budget, self._token, low_priority=True)

    @property
    def timeout(self) -> float:
        """Seconds that one call may take."""
        return self._transport.timeout

    @property
    def base_url(self) -> str:
        """Address that is called."""
        return self._transport.base_url

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        send_by: float | None = None,
        search: bool = False,
        writes: int = 0,
    ) -> Answer:
        """Call once. Nothing is sent after the monotonic time `send_by` (default: ten seconds from now), see R4.

        `writes` is the number of records that the call writes.

        Raises:
            CrmError: its class says whether the call may have landed.

        """
        latest = self.budget.monotonic() + 10.0 if send_by is None else send_by
        token = self._token.get().token
        self.budget.acquire(latest, search=search, low_priority=self._low_priority)
        if self.budget.monotonic() > latest:
            raise LeaseTooShortError
        try:
            status, body, headers = self._transport.send(method, path, token=token, json=json, params=params)
        except CrmError:
            self.budget.note_answer(broken=True, wrote=writes)
            raise
        self.budget.note_answer(broken=status >= 500, wrote=writes)
        self.budget.follow_limits(headers)
        if status < 300:
            return Answer(status, body)
        raise self._failed(error_of(status, body, headers), token, search=search)

    def _failed(self, error: CrmError, token: str, *, search: bool) -> CrmError:
        """Pass an error on to the budget or to the token source, whichever it concerns."""
        if isinstance(error, RateLimitedError):
            return self.budget.hold_back(error, search=search)
        if isinstance(error, AuthFailedError) and error.reason == "crm_auth_expired":
            self._token.reject(token)
        return error


def _failure(error: requests.RequestException) -> CrmError:
    """Turn an exception of `requests` into an error of ours, by whether anything was sent before it."""
    if isinstance(error, (requests.ConnectTimeout, requests.exceptions.InvalidURL)):
        return CrmUnavailableError("crm_unavailable", "HubSpot cannot be reached.")
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(reason, (NewConnectionError, ConnectTimeoutError)):
        return CrmUnavailableError("crm_unavailable", "HubSpot cannot be reached.")
    return CrmUncertainError("crm_timeout", "HubSpot did not answer in time, or ended the connection.")
