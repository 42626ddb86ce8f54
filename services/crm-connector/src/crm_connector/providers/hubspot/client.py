"""One HTTP call to HubSpot: token, budget, deadline. The class of an error says whether the call may have landed."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from crm_connector.crm import TokenSource
from crm_connector.domain.errors import (
    AuthFailedError,
    CrmError,
    CrmUncertainError,
    LeaseTooShortError,
    MissingScopesError,
    RateLimitedError,
)
from crm_connector.providers.hubspot.budget import AccountBudget
from crm_connector.providers.hubspot.definitions import Properties, properties_of
from crm_connector.providers.hubspot.errors import error_of
from crm_connector.providers.hubspot.hidden import HiddenProperties
from crm_connector.providers.hubspot.paths import Paths
from crm_connector.providers.hubspot.transport import Transport
from crm_connector.providers.hubspot.wire import UNDECODABLE, without_nulls

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer below 300."""

    status: int
    body: bytes

    def as_(self, kind: type[_T]) -> _T:
        """Read the body as this type; a null where there should be something else counts as absent.

        Raises:
            CrmUncertainError: if it is of another form, so that nobody knows what HubSpot did.

        """
        with suppress(*UNDECODABLE):
            return msgspec.json.decode(self.body, type=kind, strict=False)
        try:
            return msgspec.convert(without_nulls(msgspec.json.decode(self.body)), kind, strict=False)
        except UNDECODABLE as error:
            raise unreadable() from error


@dataclass(frozen=True, slots=True)
class _Request:
    """A request, and how it counts: see `HubSpotClient.call`."""

    method: str
    path: str
    json: Any
    params: Mapping[str, Any] | None
    search: bool
    writes: int
    repeats: bool


class HubSpotClient:
    """Calls for one account with one credential."""

    def __init__(
        self,
        transport: Transport,
        paths: Paths,
        budget: AccountBudget,
        token: TokenSource,
        *,
        hidden: HiddenProperties | None = None,
        low_priority: bool = False,
    ) -> None:
        """`hidden` is what is known of the token. Calls of `low_priority` leave a reserve of the budget to others."""
        self._transport = transport
        self.paths = paths
        self.budget = budget
        self.hidden = hidden or HiddenProperties(budget.monotonic)
        self._token = token
        self._low_priority = low_priority

    def low_priority(self) -> "HubSpotClient":
        """Give the same client for work that may wait."""
        client = (self._transport, self.paths, self.budget, self._token)
        return HubSpotClient(*client, hidden=self.hidden, low_priority=True)

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
        repeats: bool = False,
    ) -> Answer:
        """Call once, or again with a renewed token if HubSpot refuses the first one.

        Nothing is sent after the monotonic time `send_by` (default: ten seconds from now), see R4.

        `writes` is the number of records that the call writes. `repeats` = it asks again for a part of what an earlier
        call failed on: its failure says nothing new about HubSpot, and does not open the circuit breaker.

        Raises:
            CrmError: its class says whether the call may have landed.

        """
        send_by = self.budget.monotonic() + 10.0 if send_by is None else send_by
        asked, token = _Request(method, path, json, params, search, writes, repeats), self._token.get().token
        try:
            return self._send(asked, token, send_by)
        except AuthFailedError:  # nothing was done; a token may end before its time
            self._token.reject(token)
            if (renewed := self._token.get().token) == token:
                raise
            return self._send(asked, renewed, send_by)

    def unhidden(self, ask: Callable[[], _T], mapped: Iterable[str]) -> _T:
        """Make a call that names mapped properties, and once more without those that HubSpot hides from the token.

        Raises:
            CrmError: as `call` does.

        """
        try:
            return ask()
        except MissingScopesError:
            known = properties_of(self.call("GET", self.paths.properties()).as_(Properties))
            if not self.hidden.look(mapped, known):
                raise
            return ask()

    def _send(self, asked: _Request, token: str, send_by: float) -> Answer:
        """Send a request with a token. Raises as `call` does."""
        self.budget.acquire(send_by, search=asked.search, low_priority=self._low_priority)
        if self.budget.monotonic() > send_by:
            raise LeaseTooShortError
        try:
            status, body, headers = self._transport.send(
                asked.method, asked.path, token=token, json=asked.json, params=asked.params
            )
        except CrmError:
            self._note(broken=True, wrote=asked.writes, repeats=asked.repeats)
            raise
        error = _error_of(status, body, headers)
        self._note(broken=isinstance(error, CrmUncertainError), wrote=asked.writes, repeats=asked.repeats)
        self.budget.follow_limits(headers)
        if error is None:
            return Answer(status, body)
        raise self.budget.hold_back(error, search=asked.search) if isinstance(error, RateLimitedError) else error

    def _note(self, *, broken: bool, wrote: int, repeats: bool) -> None:
        if not (broken and repeats):
            self.budget.note_answer(broken=broken, wrote=wrote)


def unreadable() -> CrmUncertainError:
    """Make the error of an answer that is not of the form that HubSpot documents."""
    return CrmUncertainError("crm_answer_unreadable", "HubSpot's answer is not of the form that it documents.")


def _error_of(status: int, body: bytes, headers: Mapping[str, str]) -> CrmError | None:
    """Give the error of an answer; None if it is one below 300, and JSON or empty."""
    if status >= 300:
        return error_of(status, body, headers)
    try:
        _ = msgspec.json.decode(body, type=msgspec.Raw) if body else None
    except UNDECODABLE:
        return unreadable()
    return None
