"""The sweep, against the HubSpot simulator."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog
from crm_connector.bootstrap import now
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.domain.integration import Direction, Integration
from crm_connector.usecases.integrations import Changes
from crm_connector.usecases.sweep import Sweep
from crm_connector.usecases.work import Job
from integration.connector import support
from integration.connector.support import BATCH_READ, SEARCH, Parts, Simulator, StoreDouble, wish
from leadsync.sync.v1 import sync_pb2, sync_service_pb2


def lease_all(request: Any) -> Any:
    """Lease every record of a page."""
    leases = [sync_pb2.Lease(lane_id=f"lane-{r.record_id}", fence=1, record_id=r.record_id) for r in request.records]
    return sync_service_pb2.LeaseWorkResponse(integration_id=request.integration_id, leases=leases, lease_ms=60_000)


@pytest.fixture
def integration(parts: Parts, simulator: Simulator) -> Integration:
    """A connected account; calls are counted from here."""
    made = parts.integrations.create(wish())
    simulator.control.reset_calls()
    return made


@pytest.fixture
def sweep(parts: Parts, store: GrpcLeadStore, double: StoreDouble) -> Sweep:
    """The sweep under test; every record of a page is leased."""
    double.page = lease_all
    return a_sweep(parts, store, now)


def a_sweep(parts: Parts, store: GrpcLeadStore, clock: Callable[[], datetime]) -> Sweep:
    """Wire a sweep as the bootstrap does."""
    crm = parts.connections.crm
    return Sweep(parts.repository, parts.cursors, crm, Job(store, crm), clock, threading.Event())


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
        return sync_pb2.Decision(lane_id=seen.lane_id, outcome=outcome)

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
    parts: Parts, store: GrpcLeadStore, integration: Integration, double: StoreDouble, simulator: Simulator
) -> None:
    """The last minute is never taken as seen; an older page moves the cursor to its last record."""
    double.page = lease_all
    record_id = simulator.control.create_contact({"email": "ada@example.com"})
    modified = datetime.fromisoformat(simulator.control.contact(record_id)["updatedAt"])

    a_sweep(parts, store, lambda: modified + timedelta(seconds=10)).sweep(integration)
    assert modified - timedelta(seconds=50) == parts.cursors.get(integration.integration_id)

    a_sweep(parts, store, lambda: modified + timedelta(seconds=3600)).sweep(integration)
    assert modified == parts.cursors.get(integration.integration_id)


def test_the_cursor_stays_if_a_page_is_not_done(
    sweep: Sweep, parts: Parts, integration: Integration, double: StoreDouble, simulator: Simulator
) -> None:
    """L5: when lead-store is away, the same page comes again."""
    simulator.control.create_contacts(1)
    double.page = None  # leases nothing, and then lead-store is gone
    with support.served(StoreDouble()) as gone, support.lead_store(gone) as store:
        broken = a_sweep(parts, store, now)
        store.interrupt()
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
    parts.integrations.update(*key, Changes(paused=False, direction=Direction.TO_CRM), "")
    sweep.turn()

    assert simulator.call_count(SEARCH) == 0
