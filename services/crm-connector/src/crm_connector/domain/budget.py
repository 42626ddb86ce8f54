"""The API quota of one account as a token bucket: pure state, the clock is an argument (monotonic seconds)."""

from dataclasses import dataclass, replace

# A bucket of `burst` tokens that refills at `rate` lets burst + rate x interval calls through in the worst interval.
# With a third of the limit as burst and two thirds as refill, no rolling interval exceeds the limit.
_BURST_SHARE = 1 / 3
# Rounding must not make a wait so short that the clock does not move during it.
_SHORTEST_WAIT = 0.001
# Share of a burst, and of the day, that imports and sweeps leave to live work.
LIVE_RESERVE = 0.3
LIVE_RESERVE_OF_DAY = 0.1
# Share of the CRM's own limit that we use: other programs of the customer may share it.
USED_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many calls may still go out. After a 429 nothing goes out before `blocked_until`."""

    limit: float
    interval: float
    tokens: float
    at: float
    blocked_until: float = 0.0

    @property
    def burst(self) -> float:
        """Most calls at once."""
        return max(1.0, self.limit * _BURST_SHARE)

    @property
    def rate(self) -> float:
        """Tokens per second."""
        return max(self.limit - self.burst, self.limit * _BURST_SHARE) / self.interval


def full(limit: float, interval: float, now: float) -> Bucket:
    """Make a bucket for `limit` calls per `interval` seconds, full."""
    bucket = Bucket(limit, interval, 0.0, now)
    return replace(bucket, tokens=bucket.burst)


def take(bucket: Bucket, now: float, *, low_priority: bool = False) -> tuple[Bucket, float]:
    """Take one token: (new state, 0.0), or (state, seconds to wait) with nothing taken.

    Low priority leaves a part of the bucket, so that live work never waits for an import.
    """
    needed = 1.0 + (bucket.burst - 1.0) * LIVE_RESERVE if low_priority else 1.0
    refilled = min(bucket.burst, bucket.tokens + max(0.0, now - bucket.at) * bucket.rate)
    bucket = replace(bucket, tokens=refilled, at=max(now, bucket.at))
    if now < bucket.blocked_until:
        return bucket, bucket.blocked_until - now
    if refilled >= needed:
        return replace(bucket, tokens=refilled - 1.0), 0.0
    return bucket, max(_SHORTEST_WAIT, (needed - refilled) / bucket.rate)


def adjusted(bucket: Bucket, limit: float, interval: float) -> Bucket:
    """Follow a limit that the CRM announced (calls per `interval` seconds), using our share of it."""
    used = max(1.0, limit * USED_SHARE)
    if used == bucket.limit and interval == bucket.interval:
        return bucket
    changed = replace(bucket, limit=used, interval=interval)
    return replace(changed, tokens=min(bucket.tokens, changed.burst))


def blocked(bucket: Bucket, until: float) -> Bucket:
    """Let nothing out before `until`, then start from an empty bucket."""
    return replace(bucket, tokens=0.0, blocked_until=max(bucket.blocked_until, until))
