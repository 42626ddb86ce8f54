"""Looking at the CRM's properties costs the account few calls, and delays no sync."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from crm_connector.domain.errors import RateLimitedError
from crm_connector.usecases.known_fields import KnownFields
from integration.connector import builders
from integration.connector.hub import Simulator
from integration.connector.rig import Parts

PROPERTIES = "GET /crm/v3/properties/contacts"


def test_many_who_look_at_once_cost_one_call(parts: Parts, simulator: Simulator) -> None:
    """Twenty looks, eight at a time, ask the CRM once."""
    made = parts.connect()
    simulator.control.reset_calls()
    start = threading.Barrier(8)

    def look(number: int) -> int:
        if number < 8:
            start.wait()
        return len(parts.integrations.fields("tenant-1", made.integration_id))

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(look, range(20)))

    assert (len(set(seen)), seen[0] > 0) == (1, True)
    assert {route: count for route, count in simulator.calls().items() if "properties" in route} == {PROPERTIES: 1}


def test_what_is_known_is_read_again_after_a_minute_and_after_a_change(parts: Parts, simulator: Simulator) -> None:
    """A property that a person has just made in the CRM is there soon, and at once after a change of the settings."""
    made, clock = parts.connect(), [0.0]
    known = KnownFields(parts.connections.low_priority, lambda: clock[0])
    simulator.control.reset_calls()
    calls = []
    for at, revision in ((0.0, 1), (59.0, 1), (60.0, 1), (61.0, 2), (62.0, 2)):
        clock[0] = at
        known.of(replace(made, revision=revision))
        calls.append(simulator.call_count(PROPERTIES))

    assert calls == [1, 1, 2, 3, 3]


def test_looking_leaves_the_last_calls_of_a_day_to_the_sync(parts: Parts, simulator: Simulator) -> None:
    """When few of the account's calls are left, the CRM is not asked for properties; records are still read."""
    made = parts.connect()
    crm = parts.connections.crm(made.integration_id)
    headers = {"X-HubSpot-RateLimit-Daily": "1000", "X-HubSpot-RateLimit-Daily-Remaining": "1"}
    simulator.control.fault(path=PROPERTIES.partition(" ")[2], status=200, body={"results": []}, headers=headers)
    crm.schema()

    with pytest.raises(RateLimitedError):
        parts.integrations.fields("tenant-1", made.integration_id)
    assert len(crm.observe(builders.record_leases(["1"]), builders.soon())) == 1
