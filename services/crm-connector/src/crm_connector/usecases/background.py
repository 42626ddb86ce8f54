"""Loops that outlive every error and end when told to."""

import threading
from collections.abc import Callable

import structlog

from crm_connector.domain.errors import ConnectorError

_PAUSE_AFTER_ERROR_SECONDS = 4.0
_log = structlog.get_logger()


def repeat(turn: Callable[[], float], name: str, stop: threading.Event) -> None:
    """Turn after turn; each says how many seconds to pause before the next one."""
    while not stop.is_set():
        pause = _PAUSE_AFTER_ERROR_SECONDS
        try:
            pause = turn()
        except ConnectorError as error:
            _log.warning("turn_postponed", loop=name, reason=error.reason)
        except Exception:  # noqa: BLE001 - the loop outlives everything
            _log.exception("turn_failed", loop=name, reason="unexpected")
        stop.wait(pause)
