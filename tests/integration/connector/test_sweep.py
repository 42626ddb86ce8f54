"""The sweep, against the HubSpot simulator."""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog
from crm_connector.bootstrap import now
from crm_connector.domain.changes import Changes
from crm_connector.domain.integration import Integration
from crm_connector.usecases.sweep import Sweep
from integration.connector import builders
from integration.connector.builders import TO_CRM
from integration.connector.hub import BATCH_READ, SEARCH, Simulator
from integration.connector.lead_store_double import StoreDouble, client_of, lease_all, served
from integration.connector.rig import TIMING, Parts
from leadsync.sync.v1 import sync_pb2

SEARCH_PATH = "/crm/v3/objects/contacts/search"


@pytest.fixture
def integration(parts: Parts, simulator: Simulator) -> Integration:
    """A connected account; calls are counted from here."""
    made = parts.connect()
    simulator.control.reset_calls()
    return made


@pytest.fixture
def sweep(parts: Parts, double: StoreDouble) -> Sweep:
    """The sweep under test; every record of a page is leased."""
    double.page = lease_all
    return parts.sweep()


def test_a_page_is_decided_on_its_own_readings(
    sweep: Sweep, integration: Integration, double: StoreDouble, simulator: Simulator
) -> None:
    """R8: what the page showed is offered as read before the lease, so nothing is read again."""
    ids = simulator.control.create_contacts(5)

    assert sweep.sweep(integration) == 1

    assert set(ids) == {seen.present.record_id for seen in double.observations}
    assert all(seen.read_before_lease for seen in double.observations)
    assert simulator.control.calls() == {SEARCH: 1}


def test_a_page_that_is_too_old_is_read_again(
    sweep: Sweep, integration: Integration, double: StoreDouble, simulator: Simulator
) -> None:
    """R8: only the records that lead-store wants to see again are read under the lease."""
    ids = simulator.control.create_contacts(5)

    def decide(seen: sync_pb2.Observation) -> sync_pb2.Decision:
        stale = seen.read_before_lease and seen.present.record_id == ids[2]
        outcome = sync_pb2.OUTCOME_NEEDS_READING if stale else sync_pb2.OUTCOME_UNCHANGED
        return sync_pb2.Decision(work_item_id=seen.work_item_id, outcome=outcome)

    double.decide = decide
    sweep.sweep(integration)

    assert len(double.observations) == 6
    assert simulator.control.calls() == {SEARCH: 1, BATCH_READ: 1}


def test_only_leased_records_are_observed(
    sweep: Sweep, integration: Integration, double: StoreDouble, simulator: Simulator
) -> None:
    """R9: lead-store picks those that changed since their last reading; the others cost nothing."""
    ids = simulator.control.create_contacts(5)

    def lease_first(request: Any) -> Any:
        response = lease_all(request)
        del response.leases[1:]
        return response

    double.page = lease_first
    sweep.sweep(integration)

    assert [ids[0]] == [seen.present.record_id for seen in double.observations]


def test_all_pages_are_seen_also_if_they_share_a_millisecond(
    sweep: Sweep, integration: Integration, double: StoreDouble, simulator: Simulator
) -> None:
    """Pages go on by time, and by record id within one millisecond."""
    ids = simulator.control.create_contacts(350)

    sweep.sweep(integration)

    assert set(ids) == {seen.present.record_id for seen in double.observations}


def test_the_cursor_moves_with_the_pages_but_not_into_the_lag(
    parts: Parts, integration: Integration, double: StoreDouble, simulator: Simulator
) -> None:
    """The last minute is never taken as seen; at the end of a sweep all that is older, by any clock, is seen."""
    double.page = lease_all
    record_id = simulator.control.create_contact({"email": "ada@example.com"})
    modified = datetime.fromisoformat(simulator.control.contact(record_id)["updatedAt"])

    parts.sweep(lambda: modified + timedelta(seconds=10)).sweep(integration)
    assert modified - timedelta(seconds=50) == parts.cursors.get(integration.integration_id)

    later = modified + timedelta(seconds=3600)
    parts.sweep(lambda: later).sweep(integration)
    assert later - timedelta(seconds=60 + TIMING.clocks_apart) == parts.cursors.get(integration.integration_id)


def test_the_cursor_stays_if_a_page_is_not_done(
    sweep: Sweep, parts: Parts, integration: Integration, double: StoreDouble, simulator: Simulator
) -> None:
    """L5: when lead-store is away, the same page comes again."""
    simulator.control.create_contacts(1)
    double.page = None  # leases nothing, and then lead-store is gone
    with served(StoreDouble()) as gone, client_of(gone) as store:
        broken = replace(parts, store=store).sweep()
    broken.turn()

    assert parts.cursors.get(integration.integration_id) is None
    double.page = lease_all
    sweep.turn()
    assert parts.cursors.get(integration.integration_id) is not None


def test_a_busy_integration_is_postponed_quietly(
    sweep: Sweep, parts: Parts, integration: Integration, double: StoreDouble, simulator: Simulator
) -> None:
    """L5: while another process works the integration the cursor stays, and nobody need look at it."""
    simulator.control.create_contacts(1)
    double.unavailable, double.away_reason = 1, "integration_busy"

    with structlog.testing.capture_logs() as logged:
        sweep.turn()
    assert parts.cursors.get(integration.integration_id) is None
    assert [(entry["log_level"], entry["reason"]) for entry in logged] == [("debug", "integration_busy")]

    sweep.turn()
    assert parts.cursors.get(integration.integration_id) is not None


def test_only_readable_accounts_are_swept(
    sweep: Sweep, parts: Parts, integration: Integration, simulator: Simulator
) -> None:
    """Neither a paused account nor one that only takes is searched."""
    key = ("tenant-1", integration.integration_id)
    parts.integrations.update(*key, Changes(paused=True), "")
    sweep.turn()
    parts.integrations.update(*key, builders.changes(paused=False, direction=TO_CRM), "")
    sweep.turn()

    assert simulator.call_count(SEARCH) == 0


class Ticks:
    """A monotonic clock that a test moves on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        """Give the time."""
        return time.monotonic() + self.ahead


def test_an_old_burst_is_not_looked_through_again_and_again(
    parts: Parts, integration: Integration, double: StoreDouble, simulator: Simulator
) -> None:
    """Once a sweep has come to its end, what was long ago is not searched again, though nothing newer has changed."""
    double.page = lease_all
    simulator.control.create_contacts(150)
    hour_later = parts.sweep(lambda: now() + timedelta(hours=1))

    assert hour_later.sweep(integration) > 1
    assert hour_later.sweep(integration) == 1


def test_a_change_that_search_shows_late_is_seen_within_an_hour(
    parts: Parts, integration: Integration, double: StoreDouble, simulator: Simulator
) -> None:
    """L5: a search that shows a later change first moves the cursor past it; the sweep looks back now and then."""
    double.page = lease_all
    late = simulator.control.create_contact({"email": "late@example.com"})
    time_of = [integration.created_at + timedelta(minutes=10)]
    sweep = parts.sweep(lambda: time_of[0])
    simulator.control.fault(method="POST", path=SEARCH_PATH, status=200, body={"total": 0, "results": []})

    sweep.sweep(integration)
    for minutes in (5, 50, 6):
        assert late not in double.observed_ids()
        time_of[0] += timedelta(minutes=minutes)
        sweep.sweep(integration)

    assert late in double.observed_ids()


def test_after_a_start_the_last_hour_is_looked_at_again(
    parts: Parts, integration: Integration, double: StoreDouble, simulator: Simulator
) -> None:
    """L5: nobody knows when the process before has looked back."""
    double.page = lease_all
    late = simulator.control.create_contact({"email": "late@example.com"})
    parts.cursors.put(integration.integration_id, integration.created_at + timedelta(minutes=30))
    later = integration.created_at + timedelta(minutes=35)

    parts.sweep(lambda: later).sweep(integration)

    assert late in double.observed_ids()


def test_a_sweep_that_was_missed_is_made_up_for_at_once(
    parts: Parts, integration: Integration, double: StoreDouble, simulator: Simulator
) -> None:
    """After a start, whatever was due meanwhile is swept at once, and what was swept a moment ago is not."""
    double.page = lease_all
    ticks, later = Ticks(), integration.created_at + timedelta(seconds=1000)

    parts.sweep().turn(300.0)
    assert simulator.call_count(SEARCH) == 0  # it has only just been connected
    parts.sweep(lambda: later).turn(300.0)
    assert simulator.call_count(SEARCH) == 1
    restarted = parts.sweep(lambda: later, monotonic=ticks)
    restarted.turn(300.0)
    assert simulator.call_count(SEARCH) == 1
    ticks.ahead += 300
    restarted.turn(300.0)
    assert simulator.call_count(SEARCH) == 2


def test_a_sweep_that_failed_is_tried_again_soon(
    parts: Parts, integration: Integration, double: StoreDouble, simulator: Simulator
) -> None:
    """After an outage nobody waits for the next sweep's turn, and during one nobody is pressed."""
    double.page = lease_all
    ticks, later = Ticks(), integration.created_at + timedelta(seconds=1000)
    sweep = parts.sweep(lambda: later, monotonic=ticks)

    simulator.control.create_contacts(1)
    double.unavailable = 1
    sweep.turn(300.0)
    ticks.ahead += 20
    sweep.turn(300.0)
    assert (simulator.call_count(SEARCH), double.observations) == (1, [])
    ticks.ahead += 11
    sweep.turn(300.0)
    assert (simulator.call_count(SEARCH), len(double.observations)) == (2, 1)


def test_l9_a_backlog_lets_others_have_their_turn(
    parts: Parts, integration: Integration, double: StoreDouble, simulator: Simulator
) -> None:
    """A long sweep ends after its share of pages and goes on there in its next turn, which is at once."""
    double.page = lease_all
    ids = simulator.control.create_contacts(350)
    sweep = parts.sweep(lambda: integration.created_at + timedelta(seconds=1000), pages_at_once=2)

    pauses = [sweep.turn(300.0)]
    while pauses[-1] < 1.0:
        pauses.append(sweep.turn(300.0))

    assert len(pauses) > 1
    assert set(ids) == {seen.present.record_id for seen in double.observations}
    assert len(double.observations) < 2 * len(ids)  # only records of one millisecond are on two pages
