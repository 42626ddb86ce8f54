"""Signed webhook requests, made before the load starts."""

import json
import time
from collections.abc import Iterator, Sequence
from itertools import count

from hubspot_simulator.core.signatures import USER_AGENT, signature_v3
from leadsync_cli.suite.catalogue import SIMULATED, SIMULATED_ACCOUNT

PATH = "/api/v1/webhooks/hubspot"
RECORDS = 10_000  # different contacts that events are about
_numbers = count(1)


def signed_requests(
    url: str,
    number: int,
    events: int,
    records: Sequence[int] = range(1, RECORDS + 1),
    portal: int = int(SIMULATED_ACCOUNT),
) -> list[bytes]:
    """Make `number` requests of `events` events each about these contacts. All differ; valid for five minutes."""
    return list(_requests(url, number, events, records, portal))


def _requests(url: str, number: int, events: int, records: Sequence[int], portal: int) -> Iterator[bytes]:
    host, now_ms = url.removeprefix("http://"), int(time.time() * 1000)
    stamp, secret = str(now_ms), SIMULATED["HUBSPOT_CLIENT_SECRET"]
    for _ in range(number):
        body = json.dumps([_event(now_ms, records, portal) for _ in range(events)], separators=(",", ":")).encode()
        signature = signature_v3(secret, "POST", url + PATH, body, now_ms)
        head = (
            f"POST {PATH} HTTP/1.1\r\nhost: {host}\r\naccept: */*\r\ncontent-type: application/json\r\n"
            f"user-agent: {USER_AGENT}\r\nx-hubspot-request-timestamp: {stamp}\r\n"
            f"x-hubspot-signature-v3: {signature}\r\nx-hubspot-timeout-millis: 10000\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def _event(now_ms: int, records: Sequence[int], portal: int) -> dict[str, object]:
    number = next(_numbers)
    return {
        "eventId": number,
        "subscriptionId": 1,
        "portalId": portal,
        "appId": int(SIMULATED["HUBSPOT_APP_ID"]),
        "occurredAt": now_ms,
        "subscriptionType": "contact.propertyChange",
        "attemptNumber": 0,
        "objectId": records[number * 7919 % len(records)],
        "propertyName": "company",
        "propertyValue": f"Company {number}",
        "changeSource": "CRM_UI",
        "sourceId": "userId:98499705",
    }
