"""Whether the database answers and has room, and the loops go round, shown by the standard health service."""

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

import pymongo
import structlog
from grpc_health.v1 import health, health_pb2
from pymongo.errors import PyMongoError

from lead_store.mongo.data_version import NewerDataError
from lead_store.mongo.failures import described

log = structlog.get_logger()


ANSWER_SECONDS = 5.0  # a database that takes longer for a sign of life does not serve


class HealthWatch:
    """Asks the database again and again, and sets the health service accordingly."""

    def __init__(
        self,
        ping: Callable[[], object],
        prepare: Callable[[], None],
        every: timedelta,
        late: Callable[[], Mapping[str, float]],
        has_room: Callable[[], bool],
    ) -> None:
        """`late` gives the loops of this process that hang, and for how many seconds each."""
        self.servicer = health.HealthServicer()
        self._ping = ping
        self._prepare = prepare
        self._every = every.total_seconds()
        self._late = late
        self._has_room = has_room
        self._stop = threading.Event()

    def wait_for_database(self, stop: threading.Event) -> bool:
        """Wait until the database is there and prepared; False if it was stopped first."""
        while not stop.is_set():
            try:
                self._prepare()
            except PyMongoError as error:
                log.warning("Waiting for the database", **described(error))
                stop.wait(self._every / 2)
            else:
                self._set(serving=self._has_room())
                return True
        return False

    def run(self) -> None:
        """Ask until closed. Raises NewerDataError if the data is not this version's any more."""
        while not self._stop.wait(self._every):
            answers = self._answers()  # first: also without room it gives a sign of life
            self._set(serving=self._has_room() and answers and self._all_turn())

    def _answers(self) -> bool:
        try:
            with pymongo.timeout(ANSWER_SECONDS):
                self._ping()
        except NewerDataError:
            raise
        except Exception as error:  # noqa: BLE001 - an answer that cannot be understood is none either
            log.warning("The database does not answer", **described(error))
            return False
        return True

    def _all_turn(self) -> bool:
        late = self._late()
        if late:
            log.error("A loop hangs", loops={name: round(seconds) for name, seconds in late.items()})
        return not late

    def close(self) -> None:
        """Stop asking, and show that the server is about to stop."""
        self._stop.set()
        self.servicer.enter_graceful_shutdown()

    def _set(self, *, serving: bool) -> None:
        status = health_pb2.HealthCheckResponse
        self.servicer.set("", status.SERVING if serving else status.NOT_SERVING)
