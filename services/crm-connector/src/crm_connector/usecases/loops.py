"""Notes how the standing loops of integrations end, so that a failure in the background is seen."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from crm_connector.domain.errors import ConnectorError, StoreUnavailableError
from crm_connector.domain.integration import Integration
from crm_connector.domain.loops import Loop, LoopState
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.mongo.loops import MongoLoops
from crm_connector.usecases.turns import Turns

# No failures: another process has the loop, the integration is paused, gone or just changed, or this process ends.
_NOT_OURS = {"integration_busy", "integration_not_found", "paused", "stale_etag", "stopping"}
_READ_EVERY = 10.0  # seconds
# Seconds without an answer from a CRM in the middle of a turn. Calls have shorter deadlines.
_LONGEST_TURN = 600.0
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
        self.turns = Turns(_LONGEST_TURN, monotonic)
        self._lock = threading.Lock()
        self._noted: dict[tuple[str, Loop], float] = {}
        self._turns: dict[tuple[str, int], float] = {}  # by name and thread
        self._read: tuple[float, _Ages] | None = None

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
        """Give for how long a loop has been failing or hangs: of all integrations that are not paused, the longest."""
        with self._lock:
            since = [at for (one, _), at in self._turns.items() if one == name]
        of_turns = self._monotonic() - min(since) if since else 0.0
        return max(of_turns, self.turns.late().get(name, 0.0), self._ages().failing.get(name, 0.0))

    def unswept_seconds(self) -> float:
        """Give the time since the last complete sweep: of all integrations that are swept, the longest time."""
        return self._ages().unswept

    def _ages(self) -> "_Ages":
        """Read the states, but not more often than every ten seconds; while MongoDB is away there are none."""
        with self._lock:
            if self._read is not None and self._monotonic() - self._read[0] < _READ_EVERY:
                return self._read[1]
        ages = _Ages()
        with suppress(StoreUnavailableError):
            live = [one for one in self._integrations.all() if not (one.paused or one.deleting)]
            ages = _ages(live, self._states.of_each([one.integration_id for one in live]), self._now())
        with self._lock:
            self._read = (self._monotonic(), ages)
        return ages


@dataclass(frozen=True, slots=True)
class _Ages:
    """Seconds for which the loops of some integration have been failing, by name, and since its last sweep."""

    failing: Mapping[str, float] = field(default_factory=dict)
    unswept: float = 0.0


def _ages(live: Sequence[Integration], states: Mapping[str, Sequence[LoopState]], now: datetime) -> _Ages:
    """Take the longest times of these integrations."""
    failing: dict[str, float] = {}
    swept: dict[str, datetime] = {one.integration_id: one.created_at for one in live if one.reads_crm}
    for integration_id, found in states.items():
        for state in found:
            name, since = state.loop.value, state.failing_since
            failing[name] = max(failing.get(name, 0.0), (now - since).total_seconds() if since else 0.0)
            if state.loop is Loop.SWEEP and state.succeeded_at and integration_id in swept:
                swept[integration_id] = state.succeeded_at
    return _Ages(failing, (now - min(swept.values())).total_seconds() if swept else 0.0)
