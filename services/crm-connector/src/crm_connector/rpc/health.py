"""Whether the loops go round, shown by the standard health service."""

from collections.abc import Callable, Mapping

import structlog

from crm_connector.rpc.server import Server

_log = structlog.get_logger()


class HealthWatch:
    """Sets the health of the server as the loops fare."""

    def __init__(self, server: Server, late: Callable[[], Mapping[str, float]], every: float) -> None:
        """`late` gives the loops that hang, and for how many seconds each. Asked every so many seconds."""
        self._server = server
        self._late = late
        self._every = every

    def turn(self) -> float:
        """Set the health: seconds until the next turn."""
        late = self._late()
        if late:
            _log.error("loops_hang", reason="no_answer", loops={name: round(seconds) for name, seconds in late.items()})
        self._server.show_health(serving=not late)
        return self._every
