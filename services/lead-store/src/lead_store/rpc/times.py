"""Timestamps: the contract's and ours."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime.fromtimestamp(0, UTC)


def to_timestamp(at: datetime | None) -> Timestamp | None:
    """Our time as the contract's; None stays absent."""
    if at is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp


def from_timestamp(stamp: Timestamp) -> datetime:
    """The contract's time as ours, in UTC and cut to milliseconds, which is what the database keeps."""
    return _EPOCH + timedelta(0, stamp.seconds, stamp.nanos // 1_000_000 * 1_000)


def milliseconds(stamp: Timestamp) -> int:
    """The contract's time as milliseconds since 1970."""
    return int(stamp.seconds * 1_000 + stamp.nanos // 1_000_000)


def from_milliseconds(at_ms: int | None) -> Timestamp | None:
    """Milliseconds since 1970 as the contract's time; None stays absent."""
    return None if at_ms is None else Timestamp(seconds=at_ms // 1_000, nanos=at_ms % 1_000 * 1_000_000)
