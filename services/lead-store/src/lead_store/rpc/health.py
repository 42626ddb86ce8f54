"""Whether the database answers, said through the standard health service."""

import threading
from collections.abc import Callable

import structlog
from grpc_health.v1 import health, health_pb2
from pymongo.errors import PyMongoError

EVERY_SECONDS = 2.0
log = structlog.get_logger()


class HealthWatch:
    """Asks the database now and then, and tells the health service."""

    def __init__(self, ping: Callable[[], object], prepare: Callable[[], None]) -> None:
        self.servicer = health.HealthServicer()
        self._ping = ping
        self._prepare = prepare
        self._stop = threading.Event()

    def wait_for_database(self, stop: threading.Event) -> bool:
        """Wait until the database is there and prepared; False if told to stop first."""
        while not stop.is_set():
            try:
                self._prepare()
            except PyMongoError as error:
                log.warning("Waiting for the database", error=type(error).__name__)
                stop.wait(1)
            else:
                self._say(serving=True)
                return True
        return False

    def run(self) -> None:
        """Ask until closed."""
        while not self._stop.wait(EVERY_SECONDS):
            try:
                self._ping()
            except PyMongoError as error:
                log.warning("The database does not answer", error=type(error).__name__)
                self._say(serving=False)
            else:
                self._say(serving=True)

    def close(self) -> None:
        """Stop asking, and say so to callers."""
        self._stop.set()
        self.servicer.enter_graceful_shutdown()

    def _say(self, *, serving: bool) -> None:
        status = health_pb2.HealthCheckResponse
        self.servicer.set("", status.SERVING if serving else status.NOT_SERVING)
