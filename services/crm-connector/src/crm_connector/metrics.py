"""Metrics for Prometheus: CRM calls, decisions and writes. No label names a tenant, an account or a record."""

import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from crm_connector.tls import ENDS_METRIC, Renewed


class Metrics:
    """The counters of one process, on a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._of_thread = threading.local()
        self._calls = Counter(
            "leadsync_crm_calls_total",
            "Calls to a CRM by method and status; status 0 = no answer.",
            ["method", "status"],
            registry=self.registry,
        )
        self._work = Counter(
            "leadsync_crm_work_total",
            "Decisions and writes by name.",
            ["kind", "name"],
            registry=self.registry,
        )

    def watch(self, health: Callable[[], tuple[int, float]], disconnected: Callable[[], int] = lambda: 0) -> None:
        """Show accounts that the CRM keeps failing for, the largest used share of a daily quota, and lost streams."""
        failing = Gauge(
            "leadsync_crm_breakers_open", "Accounts that the CRM keeps failing for.", registry=self.registry
        )
        failing.set_function(lambda: health()[0])
        used = Gauge(
            "leadsync_crm_daily_quota_used_ratio", "Largest used share of a daily quota.", registry=self.registry
        )
        used.set_function(lambda: health()[1])
        streams = Gauge(
            "leadsync_crm_streams_disconnected", "Event streams that cannot be read.", registry=self.registry
        )
        streams.set_function(disconnected)

    def watch_loops(
        self,
        names: Iterable[str],
        failing_seconds: Callable[[str], float],
        unswept_seconds: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Show how long each loop has been failing (0 = its last attempt succeeded), and how old the last sweep is."""
        failing = Gauge(
            "leadsync_loop_failing_seconds",
            "For how long a standing loop has been failing, of all integrations the longest time.",
            ["loop"],
            registry=self.registry,
        )
        for name in names:
            failing.labels(name).set_function(partial(failing_seconds, name))
        unswept = Gauge(
            "leadsync_crm_unswept_seconds",
            "Time since the last complete sweep, of all integrations the longest.",
            registry=self.registry,
        )
        unswept.set_function(unswept_seconds)

    def watch_certificate(self, tls: Renewed) -> None:
        """Show when this service's certificate ends."""
        Gauge(*ENDS_METRIC, registry=self.registry).set_function(tls.ends_at)

    def call(self, method: str, status: int) -> None:
        """Count one call to a CRM; status 0 = no answer."""
        self._calls.labels(method, str(status)).inc()
        if status:
            self._of_thread.answered = self.calls_of_thread() + 1

    def calls_of_thread(self) -> int:
        """Give the number of answers that the calling thread has got so far."""
        return getattr(self._of_thread, "answered", 0)

    def work(self, kind: str, name: str) -> None:
        """Count one decision or one write."""
        self._work.labels(kind, name).inc()

    def serve(self, host: str, port: int, closing: ExitStack) -> None:
        """Serve over HTTP on a daemon thread until `closing` closes."""
        server, thread = start_http_server(port, host, self.registry)
        closing.callback(thread.join, 1.0)
        closing.callback(server.server_close)
        closing.callback(server.shutdown)
