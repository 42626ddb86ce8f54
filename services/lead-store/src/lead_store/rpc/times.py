"""Timestamps: the contract's and ours."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp


def to_timestamp(at: datetime | None) -> Timestamp | None:
    """Our time as the contract's; None stays absent."""
    if at is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp


def from_timestamp(stamp: Timestamp) -> datetime:
    """The contract's time as ours, in UTC and cut to milliseconds, which is what the database keeps."""
    at = stamp.ToDatetime(tzinfo=UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
