"""Notes how the standing loops of integrations end, so that a failure in the background is seen."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from crm_connector.domain.errors import ConnectorError, StoreUnavailableError
from crm_connector.domain.loops import Loop, LoopState
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.mongo.loops import MongoLoops

# No failures: another process has the loop, the integration is paused, gone or just changed, or this process ends.
_NOT_OURS = {"integration_busy", "integration_not_found", "paused", "stale_etag", "stopping"}
_UNEXPECTED = "An unexpected error. The log of crm-connector has it."


class Loops:
    """The states of all loops. Noting one never fails: a loop goes on even if its state cannot be stored."""

    def __init__(
        self,
        states: MongoLoops,
        integrations: MongoIntegrations,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        *,
        noted_every: float = 30.0,
    ) -> None:
        """A success is stored every `noted_every` seconds at most, a failure and the first success after it at once."""
        self._states = states
        self._integrations = integrations
        self._now = now
        self._monotonic = monotonic
        self._noted_every = noted_every
        self._lock = threading.Lock()
        self._noted: dict[tuple[str, Loop], float] = {}
        self._turns: dict[tuple[str, int], float] = {}  # by name and thread
        self._failing: tuple[float, dict[str, float]] | None = None

    def succeeded(self, integration_id: str, loop: Loop) -> None:
        """Note that a loop has succeeded."""
        key, at = (integration_id, loop), self._monotonic()
        with self._lock:
            if at - self._noted.get(key, -self._noted_every) < self._noted_every:
                return
        with suppress(StoreUnavailableError):
            self._states.put_success(integration_id, loop, self._now())
            with self._lock:
                self._noted[key] = at

    def recovered(self, integration_id: str, loop: Loop) -> None:
        """Note that a loop has succeeded if it has ever failed: for what does nothing in some CRMs."""
        with suppress(StoreUnavailableError):
            if any(state.loop is loop for state in self._states.of(integration_id)):
                self.succeeded(integration_id, loop)

    def failed(self, integration_id: str, loop: Loop, error: Exception | None) -> None:
        """Note that a loop has failed. What is no ConnectorError is shown as unexpected."""
        reason, message = "unexpected", _UNEXPECTED
        if isinstance(error, ConnectorError):
            reason, message = error.reason, error.message
        if reason in _NOT_OURS:
            return
        with self._lock:
            self._noted.pop((integration_id, loop), None)
        with suppress(StoreUnavailableError):
            self._states.put_failure(integration_id, loop, self._now(), reason, message)

    @contextmanager
    def failures(self, integration_id: str, loop: Loop) -> Iterator[None]:
        """Note whatever is raised inside as a failure, and raise it further."""
        try:
            yield
        except Exception as error:
            self.failed(integration_id, loop, error)
            raise

    @contextmanager
    def watch(self, integration_id: str, loop: Loop) -> Iterator[None]:
        """Note how what is inside ends, and raise further what it raises."""
        with self.failures(integration_id, loop):
            yield
        self.succeeded(integration_id, loop)

    def turned(self, name: str, *, failed: bool) -> None:
        """Note how a turn of a whole loop of this process ended. These are shown by the metrics alone."""
        key = (name, threading.get_ident())
        with self._lock:
            if failed:
                self._turns.setdefault(key, self._monotonic())
            else:
                self._turns.pop(key, None)

    def of(self, integration_id: str) -> list[LoopState]:
        """Give the states of an integration's loops. StoreUnavailableError."""
        return self._states.of(integration_id)

    def failing_seconds(self, name: str) -> float:
        """Give for how long a loop has been failing: of all integrations that are not paused, the longest time."""
        with self._lock:
            since = [at for (one, _), at in self._turns.items() if one == name]
        of_turns = self._monotonic() - min(since) if since else 0.0
        return max(of_turns, self._failing_of_integrations().get(name, 0.0))

    def _failing_of_integrations(self) -> dict[str, float]:
        """Read the states, but not more often than every ten seconds; while MongoDB is away there are none."""
        with self._lock:
            if self._failing is not None and self._monotonic() - self._failing[0] < 10.0:
                return self._failing[1]
        longest: dict[str, float] = {}
        with suppress(StoreUnavailableError):
            live = [one.integration_id for one in self._integrations.all() if not (one.paused or one.deleting)]
            now = self._now()
            for state in self._states.failing(live):
                seconds = (now - state.failing_since).total_seconds() if state.failing_since else 0.0
                longest[state.loop.value] = max(longest.get(state.loop.value, 0.0), seconds)
        with self._lock:
            self._failing = (self._monotonic(), longest)
        return longest
