"""Logging: one line per event, JSON unless a person is looking."""

import logging
import sys
from typing import Any

import structlog


def configure(level: str) -> None:
    """Set up structlog, and quiet the libraries: urllib3 would log addresses, which can hold keys."""
    pretty = sys.stdout.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_for_people() if pretty else _for_machines()),
        ],
        wrapper_class=_never_raising(
            structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()])
        ),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    for name in ("urllib3", "grpc", "pymongo"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _for_people() -> list[structlog.typing.Processor]:
    return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]


def _for_machines() -> list[structlog.typing.Processor]:
    """JSON; tracebacks as data, without local variables, which hold values of records."""
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [structlog.processors.ExceptionRenderer(tracebacks), structlog.processors.JSONRenderer()]


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
