"""When something is tried again: pure."""

import pytest
from crm_connector.domain.errors import (
    AuthFailedError,
    ConnectorError,
    CrmUncertainError,
    LeaseTooShortError,
    MissingScopesError,
    RateLimitedError,
)
from crm_connector.domain.retry import Backoff, Retries


def test_waits_grow_up_to_the_longest() -> None:
    """Each failure in a row doubles the wait, and no number of failures is too large."""
    backoff = Backoff(1.0, 30.0)

    assert [backoff.wait(failures) for failures in (1, 2, 3, 6, 1_000_000)] == [1.0, 2.0, 4.0, 30.0, 30.0]
    assert Backoff(0.1, 1.0, factor=3.0).wait(2) == pytest.approx(0.3)


def test_jitter_is_the_share_that_chance_decides() -> None:
    """Full jitter waits between nothing and the whole, half of it at least the half."""
    assert [Backoff(2.0, 9.0, jitter=1.0).wait(1, chance) for chance in (0.0, 0.5, 1.0)] == [0.0, 1.0, 2.0]
    assert [Backoff(2.0, 9.0, jitter=0.5).wait(1, chance) for chance in (0.0, 0.5, 1.0)] == [1.0, 1.5, 2.0]


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (RateLimitedError("rate_limited", retry_after=7.0), 7.0),
        (LeaseTooShortError(), 0.0),
        (CrmUncertainError("crm_error"), 5.0),
        (AuthFailedError("crm_auth_failed"), 60.0),
        (MissingScopesError(), 60.0),
    ],
)
def test_an_error_is_followed_by_its_wait(error: ConnectorError, seconds: float) -> None:
    """What the CRM said counts; else what needs a person waits longer than what does not."""
    assert Retries().after(error) == seconds
