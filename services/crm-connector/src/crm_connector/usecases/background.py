"""Loops that go on after every error and end when the process stops."""

import threading
from collections.abc import Callable

import structlog

from crm_connector.domain.errors import ConnectorError
from crm_connector.usecases.loops import Loops

_log = structlog.get_logger()


def repeat(turn: Callable[[], float], name: str, stop: threading.Event, retry_after: float, loops: Loops) -> None:
    """Call `turn` again and again. It returns the seconds to pause; after an error these are `retry_after`."""
    while not stop.is_set():
        pause, failed = retry_after, True
        try:
            with loops.turns.turn(name):
                pause, failed = turn(), False
        except ConnectorError as error:
            _log.warning("turn_postponed", loop=name, reason=error.reason)
        except Exception:  # noqa: BLE001 - the loop goes on after every error
            _log.exception("turn_failed", loop=name, reason="unexpected")
        loops.turned(name, failed=failed and not stop.is_set())
        stop.wait(pause)
