"""Structured logs on standard output: JSON, or coloured lines on a terminal."""

import logging
import sys
from collections.abc import MutableMapping
from traceback import extract_tb
from typing import Any

import structlog


def without_values(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Log an exception's type and where it was raised. Its text may hold whole documents, so it is left out."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["exception"] = type(error).__name__
        event["frames"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]
    return event


def configure(level: str) -> None:
    """Set up logging for the process."""
    on_terminal = sys.stdout.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            without_values,
            structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=_never_raising(structlog.make_filtering_bound_logger(logging.getLevelName(level))),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )


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
