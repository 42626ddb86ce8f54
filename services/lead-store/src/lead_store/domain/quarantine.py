"""A webhook request that could not be verified. It belongs to no tenant yet; only the gateway can read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class QuarantinedRequest:
    """The request whole, and why it was refused."""

    key: str
    provider: str
    target: str  # path and query
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    reason: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class QuarantineCount:
    """Requests that have provider and reason in common."""

    provider: str
    reason: str
    requests: int
    oldest_received_at: datetime
