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
