"""The one integration that a local suite has from the start: the simulator's account, or that of the user's token."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from leadsync_cli.crms.hubspot.local import NAME, integration_body
from leadsync_cli.gateway.problems import problem_of
from leadsync_cli.suite.catalogue import SIMULATED_ACCOUNT
from leadsync_cli.suite.events import Reporter

PATH = "/api/v1/crm-integration"
CONNECT_SECONDS = 60.0  # meanwhile the connector makes properties in the CRM


@dataclass(frozen=True, slots=True)
class Connected:
    """The integration that the suite has, and whether it is new."""

    integration_id: str
    account: str
    new: bool
    webhooks_enabled: bool


async def ensure_integration(
    url: str, token: str, variables: Mapping[str, str], reporter: Reporter, *, simulated: bool
) -> None:
    """Connect the account of the configured token unless it is connected, and enable its webhooks; report the outcome.

    Without a token nothing happens. Webhooks that somebody disabled on a real account stay disabled. A failure is
    reported and stops nothing.
    """
    body = integration_body(variables)
    if body is None:
        return
    began = time.monotonic()
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=CONNECT_SECONDS, trust_env=False) as client:
        try:
            found = await _connect(client, body, SIMULATED_ACCOUNT if simulated else "")
            if found.new or simulated or found.webhooks_enabled:
                _checked(await client.post(f"{PATH}/{found.integration_id}/enable-webhooks"))
        except httpx.HTTPStatusError as error:
            problem = problem_of(error.response)
            reporter.report("integration", reason=problem.reason, detail=problem.detail)
        except httpx.TransportError as error:
            reporter.report("integration", reason="gateway_unreachable", detail=type(error).__name__)
        else:
            seconds = round(time.monotonic() - began, 2)
            reporter.report("integration", id=found.integration_id, crm=NAME, account=found.account, seconds=seconds)


async def _connect(client: httpx.AsyncClient, body: dict[str, Any], account: str) -> Connected:
    """Return the integration of the token's account; create it unless it exists."""
    answer = await client.post(PATH, json=body)
    if answer.status_code == httpx.codes.CONFLICT and problem_of(answer).reason == "account_connected":
        listed = _checked(await client.get(PATH)).get("integrations", [])
        known = [item for item in listed if item["provider"] == body["provider"] and account in {"", _account(item)}]
        if known:
            return _connected(known[0], new=False)
    return _connected(_checked(answer), new=True)


def _connected(item: dict[str, Any], *, new: bool) -> Connected:
    return Connected(str(item["id"]), _account(item), new, bool(item.get("webhooksEnabled")))


def _account(item: dict[str, Any]) -> str:
    return str(item.get("portalId") or "")


def _checked(answer: httpx.Response) -> dict[str, Any]:
    """Return the answer's JSON object; raise httpx.HTTPStatusError unless it was a success."""
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body
