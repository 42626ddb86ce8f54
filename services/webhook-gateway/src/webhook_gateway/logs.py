"""Logs: one line per event, as JSON unless the output is a terminal; libraries log warnings only."""

import logging
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, TextIO

import msgspec
import structlog

MAX_LINES_PER_SECOND = 100  # about webhooks; the metrics count them all
THIN_SECONDS = 60.0  # between two lines of the same kind about what anybody can cause
# Only the least level that is logged. What uvicorn warns of can be caused by anybody: see `http.protocol`.
_QUIET = {
    **dict.fromkeys(("uvicorn", "uvicorn.error", "uvicorn.access"), logging.ERROR),
    **dict.fromkeys(("grpc", "asyncio"), logging.WARNING),
}


def configure(level: str, stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging for this process; called once, by `__main__`."""
    out = stream or sys.stdout
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _name_service,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    render: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if out.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
    )
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=_never_raising(structlog.make_filtering_bound_logger(number)),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)


def _json(value: object, **_: object) -> str:
    return msgspec.json.encode(value, enc_hook=repr).decode()


def _name_service(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event["service"] = "webhook-gateway"
    return event


def _never_raising(base: type[Any]) -> type[Any]:
    """Make a logger that raises nothing: a full disk must not end what goes on after an error and wants to say so.

    Lines that cannot be written are lost; the next one that can be says how many.
    """
    lost = 0

    class Logger(base):  # type: ignore[misc]  # structlog makes the class of a level at run time
        def _proxy_to_logger(self, method_name: str, event: str | None = None, **facts: Any) -> None:
            nonlocal lost
            try:
                super()._proxy_to_logger(method_name, event, **facts, **({"lines_lost": lost} if lost else {}))
            except Exception:  # noqa: BLE001 - whatever it is, nobody could be told
                lost += 1
            else:
                lost = 0

    return Logger


class LineBudget:
    """Bounds log lines per second, on average. After a quiet second a burst is logged; of a flood, an even part."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._as_of = clock()
        self._left = float(MAX_LINES_PER_SECOND)

    def take(self, wanted: int, least: int = 1) -> int:
        """Take up to `wanted` lines; none if fewer than `least` are left."""
        now = self._clock()
        self._left = min(self._left + (now - self._as_of) * MAX_LINES_PER_SECOND, MAX_LINES_PER_SECOND)
        self._as_of = now
        given = min(wanted, int(self._left))
        if given < least:
            return 0
        self._left -= given
        return given


class ThinnedLines:
    """Lines about what anybody can cause: the first of a kind at once, then one a minute that says how many it is for.

    A kind is an event with all that the line says about it, so this must come from a bounded set.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._times: Counter[tuple[object, ...]] = Counter()  # since the last line
        self._next: dict[tuple[object, ...], float] = {}

    def warning(self, event: str, **about: object) -> None:
        """Write a line, or count it for the next one of its kind."""
        if (times := self.due(event, *about.items())) is not None:
            structlog.get_logger().warning(event, times=times, **about)

    def due(self, *kind: object) -> int | None:
        """Count a line of a kind. If it is to be written, answer how many it is for."""
        self._times[kind] += 1
        now = self._clock()
        if now < self._next.get(kind, now):
            return None
        self._next[kind] = now + THIN_SECONDS
        return self._times.pop(kind)
