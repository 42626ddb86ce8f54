"""How long a lease lasts for reading and writing (R4)."""

import time

from crm_connector.domain.capabilities import Capabilities, EventMode
from crm_connector.domain.observation import LeaseBatch


def test_r4_a_write_fits_if_its_deadline_and_the_margin_do() -> None:
    """R4: counted on the monotonic clock from before the claim, whatever the lease call itself took."""
    batch = LeaseBatch("i", claimed_at=1_000.0, lease_seconds=60.0)

    assert batch.send_by(timeout=10.0, margin=10.0) == 1_040.0
    assert batch.ends_at == 1_060.0


def test_r4_a_lease_shorter_than_the_deadline_never_fits() -> None:
    """R4: a lease that cannot hold a whole deadline is over for writes before it has begun."""
    claimed_at = time.monotonic()

    short = LeaseBatch("i", claimed_at, 15.0)
    assert (
        short.send_by(timeout=10.0, margin=10.0) < claimed_at < short.read_by(timeout=10.0, margin=10.0) < short.ends_at
    )


def test_r4_only_an_unguarded_write_needs_a_margin() -> None:
    """A guarded write that lands late is refused by the CRM if the record has changed meanwhile."""
    can = Capabilities(("contact",), EventMode.SWEEP, False, False, False, False, 60.0, 0.0, late_landing=600.0)
    guarded = Capabilities(("contact",), EventMode.SWEEP, False, True, True, False, 60.0, 2.0, late_landing=600.0)

    assert (can.margin, guarded.margin) == (600.0, 0.0)
