"""Standing loops: what goes on by itself for each integration, and how its last attempts ended. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Loop(Enum):
    """What goes on for an integration without anybody asking."""

    SWEEP = "sweep"
    ARCHIVE_PASS = "archive_pass"  # noqa: S105 - a name
    STREAM = "stream"
    SUBSCRIPTION_RENEWAL = "subscription_renewal"
    TOKEN_REFRESH = "token_refresh"  # noqa: S105 - a name
    SETTINGS = "settings"  # lead-store gets to know them


@dataclass(frozen=True, slots=True)
class LoopState:
    """When a loop last succeeded and last failed, and why. `failing_since` is None once it has succeeded again."""

    loop: Loop
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    failing_since: datetime | None = None
    reason: str = ""
    message: str = ""
