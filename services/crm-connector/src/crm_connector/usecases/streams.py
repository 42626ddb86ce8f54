"""Reads the event streams of CRMs that have one, and puts their events into the inbox as webhooks do.

The position is stored only after lead-store has answered that it keeps the events. So none is lost: after a crash the
same part is read again, and the same key makes it a duplicate. Where the CRM itself has lost events, a sweep finds what
they were about.
"""

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.crm import EventStream
from crm_connector.domain.capabilities import EventMode
from crm_connector.domain.delivery import Delivery, key_of
from crm_connector.domain.errors import ConnectorError, StoreUnavailableError
from crm_connector.domain.integration import Integration
from crm_connector.domain.loops import Loop
from crm_connector.domain.timing import Timing
from crm_connector.mongo.cursors import MongoCursors, StreamPosition
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.usecases.connections import Connections
from crm_connector.usecases.loops import Loops

_log = structlog.get_logger()


class Streams:
    """Reads each stream on a thread of its own."""

    def __init__(
        self,
        integrations: MongoIntegrations,
        cursors: MongoCursors,
        store: GrpcLeadStore,
        connections: Connections,
        sweep_soon: Callable[[str], None],
        loops: Loops,
        *,
        timing: Timing,
        now: Callable[[], datetime],
        stop: threading.Event,
    ) -> None:
        """`sweep_soon` makes the sweep of an integration due."""
        self._integrations = integrations
        self._cursors = cursors
        self._store = store
        self._connections = connections
        self._sweep_soon = sweep_soon
        self._loops = loops
        self._timing = timing
        self._now = now
        self._stop = stop
        self._readers: dict[str, _Reader] = {}

    def turn(self) -> float:
        """Start readers of integrations that have a stream, and end those of others: seconds until the next turn."""
        wanted = {one.integration_id: one for one in self._integrations.all() if self._is_read(one)}
        for integration_id, reader in list(self._readers.items()):
            integration = wanted.get(integration_id)
            if integration is None or integration.revision != reader.integration.revision:
                reader.close()
            if not reader.is_alive():  # until then no other one begins, so that positions never go back
                del self._readers[integration_id]
        for integration_id, integration in wanted.items():
            if integration_id not in self._readers and not self._stop.is_set():
                self._start(integration)
        return self._timing.stream_look

    def close(self) -> None:
        """End all reads, since the process is about to end."""
        for reader in list(self._readers.values()):
            reader.close()

    def position(self, integration: Integration) -> StreamPosition | None:
        """Give the position of a stream as any process stored it; None before the first."""
        return self._cursors.stream(integration.integration_id)

    def position_age(self, at: StreamPosition | None) -> int:
        """Give the whole seconds since a position was stored; 0 if there is none."""
        return max(0, int((self._now() - at.at).total_seconds())) if at is not None else 0

    def is_connected(self, integration: Integration) -> bool:
        """Whether the stream was read a moment ago, by any process."""
        at = self.position(integration)
        silent = timedelta(seconds=self._timing.stream_silent)
        return at is not None and not at.failed and self._now() - at.at < silent

    def disconnected(self) -> int:
        """Count the streams of this process that cannot be read."""
        return sum(not self.is_connected(reader.integration) for reader in list(self._readers.values()))

    def _is_read(self, integration: Integration) -> bool:
        """Whether an integration has a stream, and its events make work."""
        if not integration.webhooks_enabled or integration.paused or integration.deleting:
            return False
        can = self._connections.provider(integration.provider).capabilities(integration)
        return can.events is EventMode.STREAM

    def _start(self, integration: Integration) -> None:
        try:
            stream = self._connections.crm(integration.integration_id).stream()
        except ConnectorError as error:  # tried again at the next turn
            _log.warning("stream_not_opened", reason=error.reason, integration_id=integration.integration_id)
            self._loops.failed(integration.integration_id, Loop.STREAM, error)
            return
        if stream is not None:
            reader = self._readers[integration.integration_id] = _Reader(self, integration, stream)
            reader.start()

    def read(self, integration: Integration, stream: EventStream) -> None:
        """Read once, and keep what came. Raises a ConnectorError if that fails; then nothing has been missed."""
        integration_id = integration.integration_id
        self._store.claim(integration_id)
        last = self._cursors.stream(integration_id)
        position = last.position if last is not None and last.topic == stream.topic else ""
        batch = stream.read(position, time.monotonic() + self._timing.stream_read)
        if batch.events:
            positions = (position, batch.position)
            key = key_of(integration.provider, integration.account_id, stream.topic, positions)
            self._store.record(Delivery(key, integration.provider, integration.account_id, batch.events, self._now()))
        if batch.reset or (last is not None and last.topic != stream.topic):
            _log.warning("stream_reset", reason="events_lost", integration_id=integration_id)
            self._sweep_soon(integration_id)
        self._cursors.put_stream(integration_id, StreamPosition(stream.topic, batch.position, self._now()))
        self._loops.succeeded(integration_id, Loop.STREAM)

    def failed(self, integration: Integration, failures: int, error: ConnectorError | None) -> float:
        """Note that a read failed: seconds until the next one."""
        busy = isinstance(error, StoreUnavailableError) and error.reason == "integration_busy"
        if not busy:  # else the process that works the integration reads its stream too
            reason = error.reason if error else "unexpected"
            _log.warning("stream_not_read", reason=reason, integration_id=integration.integration_id)
            self._loops.failed(integration.integration_id, Loop.STREAM, error)
            with suppress(StoreUnavailableError):
                if (last := self._cursors.stream(integration.integration_id)) is not None:
                    self._cursors.put_stream(integration.integration_id, replace(last, failed=True))
        wait = self._timing.retries.stream.wait(failures, random.random())  # noqa: S311
        return max(wait, error.retry_after or 0.0) if error else wait

    @property
    def stopping(self) -> threading.Event:
        """Set when the process is about to end."""
        return self._stop


class _Reader(threading.Thread):
    """Reads one stream until it is closed."""

    def __init__(self, streams: Streams, integration: Integration, stream: EventStream) -> None:
        super().__init__(name="stream", daemon=True)
        self.integration = integration
        self._streams = streams
        self._stream = stream
        self._closed = threading.Event()

    def run(self) -> None:
        """Read again and again; after a failure wait, longer each time."""
        failures = 0
        while not self._closed.is_set() and not self._streams.stopping.is_set():
            wait = 0.0
            try:
                self._streams.read(self.integration, self._stream)
                failures = 0
            except ConnectorError as error:
                failures += 1
                wait = self._streams.failed(self.integration, failures, error)
            except Exception:  # noqa: BLE001 - the reader goes on after every error
                _log.exception("stream_failed", reason="unexpected", integration_id=self.integration.integration_id)
                failures += 1
                wait = self._streams.failed(self.integration, failures, None)
            self._closed.wait(wait)

    def close(self) -> None:
        """End it, also while it waits for events."""
        self._closed.set()
        self._stream.close()
