import asyncio

from e2e.harness import Suite
from flood.run import SERVICES, flood
from sizes import FULL

REQUESTS = 20_000 if FULL else 2_000


def test_a_flood_of_hostile_requests_does_no_harm(suite: Suite) -> None:
    """Beside it every good webhook is kept; no answer is an internal error, and no service needs much memory."""
    tokens = {role: suite.token(role) for role in ("viewer", "operator")}
    pids = {name: suite.pid(name) for name in SERVICES}

    outcome = asyncio.run(flood(suite.url, pids, tokens, REQUESTS, seed=7))

    assert outcome.harm() == []
    assert outcome.sent.requests.total() >= REQUESTS
    assert (suite.api.get(f"{suite.url}/readyz").status_code, pids) == (
        200,
        {name: suite.pid(name) for name in SERVICES},
    )
