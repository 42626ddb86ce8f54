"""The simulator's time, which a test can move, and the two ways HubSpot writes a time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Wall time plus an offset. It only ever moves forward, except on reset and before anything has happened."""

    def __init__(self, read: Callable[[], float] = time.time) -> None:
        self._read = read
        self.offset_ms = 0

    def now_ms(self) -> int:
        """The present, in milliseconds since the epoch."""
        return int(self._read() * 1000) + self.offset_ms

    def advance(self, seconds: float) -> None:
        """Move the present forward; back only before anything has happened."""
        self.offset_ms += int(seconds * 1000)

    def reset(self) -> None:
        """Go back to wall time."""
        self.offset_ms = 0


def iso(ms: int) -> str:
    """ISO-8601 in UTC with milliseconds, as HubSpot answers every datetime (properties guide)."""
    moment = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def parse_ms(text: str) -> int | None:
    """Read a datetime as HubSpot accepts it: ISO-8601 or epoch milliseconds. Else None."""
    stripped = text.strip()
    if stripped.lstrip("-").isdigit():
        return int(stripped)
    try:
        moment = datetime.fromisoformat(stripped)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
