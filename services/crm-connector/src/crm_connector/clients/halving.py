"""Calls with many items that may be too large for lead-store, which takes messages up to some size."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import structlog

from crm_connector.domain.errors import StoreTooLargeError

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")
_log = structlog.get_logger()


def in_halves(items: Sequence[_Item], send: Callable[[Sequence[_Item]], _Answer]) -> Iterator[_Answer]:
    """Send all items in one call; where it is too large, its halves. An item that is too large alone is left out.

    Gives the answer to each call as soon as it comes, so that none is lost if a later call fails.
    """
    try:
        yield send(items)
    except StoreTooLargeError as error:
        if len(items) < 2:
            _log.error("too_large_for_lead_store", reason=error.reason)
            return
        half = len(items) // 2
        for part in (items[:half], items[half:]):
            yield from in_halves(part, send)
