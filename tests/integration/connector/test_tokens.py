"""Access tokens of OAuth credentials: renewed in time, or once HubSpot refuses one. HubSpot simulator."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from crm_connector.domain.errors import AuthFailedError, RateLimitedError
from crm_connector.domain.integration import Credential
from crm_connector.providers.hubspot.provider import HubSpotCrm
from integration.connector import builders, hub
from integration.connector.hub import Simulator
from integration.connector.rig import Parts


def test_an_access_token_is_refreshed_once_for_all_threads(parts: Parts, simulator: Simulator) -> None:
    """Many threads that need a token at once cause one refresh."""
    made = parts.connect(credential=Credential.refresh_token(hub.REFRESH_TOKEN))
    simulator.control.reset_calls()
    crm = parts.connections.crm(made.integration_id)
    start = threading.Barrier(8)

    def read(_: int) -> int:
        start.wait()
        return len(crm.observe(builders.record_leases(["1"]), builders.soon()))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(8))) == [1] * 8
    assert simulator.call_count("POST /oauth/v1/token") == 1


def _withdrawn(simulator: Simulator, token: str) -> None:
    """End a token before its time: HubSpot no longer knows it."""
    simulator.control.revoke_token(token)


def _expired(simulator: Simulator, _: str) -> None:
    """Let HubSpot call every token expired, whatever its lifetime said."""
    simulator.control.advance(3600)


@pytest.mark.parametrize("end", [_expired, _withdrawn])
def test_an_access_token_that_ends_before_its_time_is_renewed(
    parts: Parts, simulator: Simulator, end: Callable[[Simulator, str], None]
) -> None:
    """The call that HubSpot refuses for its token is repeated with a new one, so that no work waits."""
    made = parts.connect(credential=Credential.refresh_token(hub.REFRESH_TOKEN))
    crm = parts.connections.crm(made.integration_id)
    assert isinstance(crm, HubSpotCrm)
    end(simulator, crm.token.get().token)
    simulator.control.reset_calls()

    assert len(crm.observe(builders.record_leases(["1"]), builders.soon())) == 1

    assert simulator.call_count("POST /oauth/v1/token") == 1


def test_a_renewed_token_that_is_refused_too_is_not_renewed_again_and_again(parts: Parts, simulator: Simulator) -> None:
    """A call is repeated once."""
    made = parts.connect(credential=Credential.refresh_token(hub.REFRESH_TOKEN))
    crm = parts.connections.crm(made.integration_id)
    crm.count()
    simulator.control.reset_calls()
    refusal = {"status": "error", "category": "INVALID_AUTHENTICATION", "message": "There are no credentials."}
    simulator.control.fault(path="/crm/v3", status=401, body=refusal, times=None)

    with pytest.raises(AuthFailedError):
        crm.count()

    assert simulator.calls() == {"POST /oauth/v1/token": 1, hub.SEARCH: 2}


def test_a_token_without_a_lifetime_is_taken(parts: Parts, simulator: Simulator) -> None:
    """OAuth lets an answer omit it."""
    simulator.control.fault(path="/oauth/v1/token", times=None, replace={'"expires_in":1800,': ""})

    made = parts.connect(credential=Credential.refresh_token(hub.REFRESH_TOKEN))

    assert parts.connections.crm(made.integration_id).count() == 0
    assert simulator.call_count("POST /oauth/v1/token") == 2  # one to connect


def test_a_token_that_cannot_be_renewed_now_is_tried_again_when_hubspot_says(
    parts: Parts, simulator: Simulator
) -> None:
    """The token endpoint has a limit of its own, and says how long it lasts."""
    made = parts.connect(credential=Credential.refresh_token(hub.REFRESH_TOKEN))
    limit = {"status": "error", "message": "You have reached your rate limit.", "errorType": "RATE_LIMIT"}
    simulator.control.fault(path="/oauth/v1/token", status=429, body=limit, headers={"Retry-After": "37"})

    with pytest.raises(RateLimitedError) as caught:
        parts.connections.crm(made.integration_id).count()

    assert caught.value.retry_after == 37.0


def test_a_rotated_refresh_token_is_kept(parts: Parts, simulator: Simulator) -> None:
    """If HubSpot hands out another refresh token, that one is stored, and the revision stays."""
    made = parts.connect(credential=Credential.refresh_token(hub.REFRESH_TOKEN))
    answer = {"access_token": hub.TOKEN, "refresh_token": "rotated-1", "expires_in": 1800, "token_type": "bearer"}
    simulator.control.fault(path="/oauth/v1/token", status=200, body=answer)

    parts.connections.crm(made.integration_id).observe(builders.record_leases(["1"]), builders.soon())

    sealed = parts.repository.sealed(made.integration_id)
    assert parts.vault.open(made.integration_id, sealed).secrets == {"refresh_token": "rotated-1"}
    assert made == parts.integrations.get("tenant-1", made.integration_id)
