"""The one integration that a local suite has from the start: the simulator's account, or that of the user's token."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from leadsync_cli.gateway.problems import problem_of
from leadsync_cli.suite.catalogue import SIMULATED_ACCOUNT
from leadsync_cli.suite.events import Reporter

PATH = "/api/v1/crm-integration"
CONNECT_SECONDS = 60.0  # the connector makes the CRM's properties meanwhile


@dataclass(frozen=True, slots=True)
class Connected:
    """The integration that the suite has, and whether it was made just now."""

    integration_id: str
    account: str
    new: bool
    webhooks_enabled: bool


async def ensure_integration(
    url: str, token: str, hubspot: Mapping[str, str], reporter: Reporter, *, simulated: bool
) -> None:
    """Connect the HubSpot account unless it is connected, and enable its webhooks; tell how it went.

    Webhooks that somebody disabled on a real account stay disabled. A failure is told, and stops nothing.
    """
    began = time.monotonic()
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=CONNECT_SECONDS, trust_env=False) as client:
        try:
            found = await _connect(client, hubspot, SIMULATED_ACCOUNT if simulated else "")
            if found.new or simulated or found.webhooks_enabled:
                _checked(await client.post(f"{PATH}/{found.integration_id}/enable-webhooks"))
        except httpx.HTTPStatusError as error:
            problem = problem_of(error.response)
            reporter.tell("integration", reason=problem.reason, detail=problem.detail)
        except httpx.TransportError as error:
            reporter.tell("integration", reason="gateway_unreachable", detail=type(error).__name__)
        else:
            seconds = round(time.monotonic() - began, 2)
            reporter.tell("integration", id=found.integration_id, account=found.account, seconds=seconds)


async def _connect(client: httpx.AsyncClient, hubspot: Mapping[str, str], account: str) -> Connected:
    """Return the integration of the token's account; make it unless it is there."""
    wanted = {"provider": "hubspot", "accessToken": hubspot["HUBSPOT_ACCESS_TOKEN"], "direction": "bidirectional"}
    if app_id := hubspot.get("HUBSPOT_APP_ID"):
        wanted["appId"] = app_id
    answer = await client.post(PATH, json=wanted)
    if answer.status_code == httpx.codes.CONFLICT and problem_of(answer).reason == "account_connected":
        listed = _checked(await client.get(PATH)).get("integrations", [])
        known = [item for item in listed if item["provider"] == "hubspot" and account in {"", _account(item)}]
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
