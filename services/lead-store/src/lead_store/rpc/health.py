"""Whether the database answers, shown by the standard health service."""

import threading
from collections.abc import Callable
from datetime import timedelta

import structlog
from grpc_health.v1 import health, health_pb2
from pymongo.errors import PyMongoError

log = structlog.get_logger()


class HealthWatch:
    """Asks the database again and again, and sets the health service accordingly."""

    def __init__(self, ping: Callable[[], object], prepare: Callable[[], None], every: timedelta) -> None:
        self.servicer = health.HealthServicer()
        self._ping = ping
        self._prepare = prepare
        self._every = every.total_seconds()
        self._stop = threading.Event()

    def wait_for_database(self, stop: threading.Event) -> bool:
        """Wait until the database is there and prepared; False if it was stopped first."""
        while not stop.is_set():
            try:
                self._prepare()
            except PyMongoError as error:
                log.warning("Waiting for the database", error=type(error).__name__)
                stop.wait(self._every / 2)
            else:
                self._set(serving=True)
                return True
        return False

    def run(self) -> None:
        """Ask until closed."""
        while not self._stop.wait(self._every):
            try:
                self._ping()
            except PyMongoError as error:
                log.warning("The database does not answer", error=type(error).__name__)
                self._set(serving=False)
            else:
                self._set(serving=True)

    def close(self) -> None:
        """Stop asking, and show that the server is about to stop."""
        self._stop.set()
        self.servicer.enter_graceful_shutdown()

    def _set(self, *, serving: bool) -> None:
        status = health_pb2.HealthCheckResponse
        self.servicer.set("", status.SERVING if serving else status.NOT_SERVING)
