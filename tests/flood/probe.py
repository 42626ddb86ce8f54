"""`python -m flood.probe URL PER_SECOND`: signed webhooks at a fixed rate until stdin ends; prints what came of them.

A process of its own, so that its times are those of the gateway and not of whoever sends the flood.
"""

import asyncio
import json
import sys
import time
from contextlib import suppress

import httpx
from hubspot_simulator.core.signatures import signature_v3
from leadsync_cli.suite.catalogue import SIMULATED, SIMULATED_ACCOUNT

from flood.kinds import HOOK


async def _post(http: httpx.AsyncClient, url: str, number: int, found: list[tuple[float, int]]) -> None:
    now_ms = int(time.time() * 1000)
    event = {
        "portalId": int(SIMULATED_ACCOUNT), "subscriptionType": "contact.propertyChange", "objectId": number,
        "propertyName": "company", "propertyValue": "x", "occurredAt": now_ms, "changeSource": "x", "sourceId": "1",
    }  # fmt: skip
    body = json.dumps([event]).encode()
    signature = signature_v3(SIMULATED["HUBSPOT_CLIENT_SECRET"], "POST", url + HOOK, body, now_ms)
    headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": str(now_ms)}
    began, status = time.perf_counter(), 0
    with suppress(httpx.HTTPError):
        status = (await http.post(HOOK, content=body, headers=headers)).status_code
    found.append((time.perf_counter() - began, status))


async def probe(url: str, rate: float) -> list[tuple[float, int]]:
    """Send until stdin ends: seconds and status of each; 0 = no answer."""
    found: list[tuple[float, int]] = []
    over = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    async with (
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http,
        asyncio.TaskGroup() as tasks,
    ):
        await _post(http, url, 10_000_000, found)
        print("began", flush=True)
        began, number = time.perf_counter(), 0
        while not over.done():
            number += 1
            tasks.create_task(_post(http, url, 10_000_000 + number % 1000, found))
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(probe(sys.argv[1], float(sys.argv[2])))))
