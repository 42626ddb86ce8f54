"""What Prometheus can ask of lead-store: how much work waits, and for how long. No label names a tenant or a record.

The figures are of the whole database, so every process answers the same: take their maximum, not their sum. How long
a loop has been failing is of this process alone; of these too the maximum counts.
"""

import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from pymongo.errors import PyMongoError

from lead_store.tls import ENDS_METRIC, Renewed
from lead_store.usecases.loops import LOOPS
from lead_store.usecases.status import Backlog, Status

LOOP = ("leadsync_loop_failing_seconds", "For how long routing or applying has been failing, the longest of all")
FRESH_SECONDS = 10.0  # counting costs the database something, so it is not done more often

GAUGES = {
    "due": ("leadsync_work_due", "Work items that are due or leased"),
    "failed": ("leadsync_work_failed", "Work items that have failed and wait for a person"),
    "oldest_due_seconds": ("leadsync_work_oldest_due_seconds", "How long the longest waiting work item has been due"),
    "unrouted": ("leadsync_deliveries_unrouted", "Deliveries kept whose work is not due yet"),
    "unroutable": ("leadsync_deliveries_unroutable", "Deliveries kept for accounts that nobody has connected"),
}


class Metrics(Collector):
    """Counts when it is asked, and not again for a while. While the database is away it has no figures of it."""

    def __init__(self, status: Status, tls: Renewed | None = None) -> None:
        """With `tls`, also tell when this service's certificate ends."""
        self._status, self._tls = status, tls
        self._lock = threading.Lock()
        self._counted_at = -FRESH_SECONDS
        self._backlog: Backlog | None = None
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Name the gauges without counting."""
        return [GaugeMetricFamily(name, text) for name, text in (*GAUGES.values(), LOOP, ENDS_METRIC)]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Give the gauges."""
        failing = GaugeMetricFamily(*LOOP, labels=["loop"])
        for name in LOOPS:
            failing.add_metric([name], self._status.loops.failing_seconds(name))
        own = [failing, *([GaugeMetricFamily(*ENDS_METRIC, self._tls.ends_at())] if self._tls else [])]
        backlog = self._fresh()
        if backlog is None:
            return own
        gauges = [GaugeMetricFamily(name, text, getattr(backlog, key)) for key, (name, text) in GAUGES.items()]
        return [*gauges, *own]

    def serve(self, host: str, port: int, closing: ExitStack) -> None:
        """Serve over HTTP on a daemon thread until `closing` closes."""
        server, thread = start_http_server(port, host, self.registry)
        closing.callback(thread.join, 1.0)
        closing.callback(server.server_close)
        closing.callback(server.shutdown)

    def _fresh(self) -> Backlog | None:
        with self._lock:
            if time.monotonic() - self._counted_at >= FRESH_SECONDS:
                self._counted_at = time.monotonic()
                try:
                    self._backlog = self._status.backlog()
                except PyMongoError:
                    self._backlog = None
            return self._backlog
