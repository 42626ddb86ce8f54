"""Settings of lead-store: every fault is named, and tests may divide every wait."""

from datetime import timedelta

import pytest
from lead_store.domain.retry import PRODUCTION
from lead_store.settings import Settings, SettingsError, Timing

NEEDED = {"MONGO_URL": "mongodb://127.0.0.1:1", "LEADSYNC_IDENTITY_KEY": "k" * 32}


def test_production_waits_are_the_default() -> None:
    """Nothing has to be set for them."""
    assert Settings.from_env(NEEDED).timing == Timing(waits=PRODUCTION)


def test_a_time_scale_divides_every_wait_but_the_lease() -> None:
    """The lease has a variable of its own, since the connector has to fit its writes into it."""
    timing = Settings.from_env({**NEEDED, "LEADSYNC_TIME_SCALE": "10", "LEADSYNC_LEASE_SECONDS": "30"}).timing
    assert (timing.lease, timing.waits) == (timedelta(seconds=30), PRODUCTION.divided_by(10))
    waits = set(Timing.__dataclass_fields__) - {"lease", "waits"}
    assert all(getattr(timing, name) * 10 == getattr(Timing(), name) for name in waits)


@pytest.mark.parametrize("scale", ["0", "101", "-1", "1.5", "fast"])
def test_another_scale_is_refused(scale: str) -> None:
    """With the range in plain words, along with every other fault."""
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({"LEADSYNC_TIME_SCALE": scale})
    assert "LEADSYNC_TIME_SCALE: use a whole number from 1 to 100" in str(refused.value)
    assert "MONGO_URL" in str(refused.value)


def test_secrets_are_not_shown() -> None:
    """Neither the repr nor a fault shows one."""
    given = {"MONGO_URL": "mongodb://user@db", "MONGO_PASSWORD": "hidden-1", "LEADSYNC_IDENTITY_KEY": "hidden-2" * 4}

    assert "hidden" not in repr(Settings.from_env(given))
    with pytest.raises(SettingsError) as refused:
        Settings.from_env(given | {"MONGO_URL": "mongodb://user:hidden-3@db", "LEADSYNC_IDENTITY_KEY": "hidden-4"})
    assert "hidden" not in str(refused.value)
