"""Webhooks that could not be verified."""

from datetime import datetime

from msgspec import Struct


class QuarantineCount(Struct, rename="camel"):
    """Requests of one provider that were refused for one reason."""

    provider: str
    reason: str
    requests: int
    oldest_received_at: datetime


class QuarantineStatus(Struct, rename="camel"):
    """How many requests are kept, since when, and why they were refused."""

    requests: int
    oldest_received_at: datetime | None
    counts: list[QuarantineCount]


class VerifiedAgain(Struct, rename="camel"):
    """What came of verifying again: requests now kept, still refused, and not looked at or not kept yet."""

    verified: int
    still_refused: int
    left: int
