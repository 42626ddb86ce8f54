"""Sends HTTP requests to HubSpot, bounded in time and size. The class of an error says whether anything was sent."""

import time
from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import BaseAdapter
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from crm_connector.domain.errors import CrmError, CrmUnavailableError, CrmUncertainError
from crm_connector.providers.hubspot.sockets import PromptAdapter

_MAX_ANSWER_BYTES = 32 * 1024 * 1024
_CONNECT_SHARE = 0.3


class _TooLargeError(requests.RequestException):
    """The answer is larger than any that is read."""


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
        max_answer: int = _MAX_ANSWER_BYTES,
    ) -> None:
        """Each call takes at most `timeout` seconds, and answers have at most `max_answer` bytes.

        `adapter` replaces the one that opens real connections.
        """
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout
        self._count_call = count_call
        self._max_answer = max_answer
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
            if size > self._max_answer:
                raise _TooLargeError
            if time.monotonic() > deadline:
                raise requests.ReadTimeout
        return b"".join(chunks)


def _failure(error: requests.RequestException) -> CrmError:
    """Turn an exception of `requests` into an error of ours, by whether anything was sent before it."""
    if isinstance(error, (requests.ConnectTimeout, requests.exceptions.InvalidURL)):
        return CrmUnavailableError("crm_unavailable", "HubSpot cannot be reached.")
    if isinstance(error, _TooLargeError):
        return CrmUncertainError("crm_answer_too_large", "HubSpot's answer is too large.")
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(reason, (NewConnectionError, ConnectTimeoutError)):
        return CrmUnavailableError("crm_unavailable", "HubSpot cannot be reached.")
    return CrmUncertainError("crm_timeout", "HubSpot did not answer in time, or ended the connection.")
