"""Standing loops: what fails in the background is seen in the doctor, in the list of loops and in the metrics."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from crm_connector.bootstrap import now
from crm_connector.domain.errors import ConnectorError, StoreUnavailableError
from crm_connector.domain.integration import Credential
from crm_connector.domain.loops import Loop, LoopState
from crm_connector.metrics import Metrics
from crm_connector.mongo.loops import MongoLoops
from crm_connector.rpc import mapping
from crm_connector.usecases.background import repeat
from crm_connector.usecases.check import CheckState
from crm_connector.usecases.loops import Loops
from integration.connector import builders, hub
from integration.connector.builders import TO_CRM
from integration.connector.hub import SEARCH, Simulator
from integration.connector.lead_store_double import StoreDouble, lease_all
from integration.connector.rig import Parts
from pymongo import MongoClient
from pymongo.database import Database

SEARCH_PATH, ARCHIVE_PATH = SEARCH.partition(" ")[2], "/crm/v3/objects/contacts"
OK, WARNING, FAILED = CheckState.OK, CheckState.WARNING, CheckState.FAILED


def state(parts: Parts, integration_id: str, loop: Loop) -> LoopState | None:
    """The state of a loop; None if it has never run."""
    return next((one for one in parts.loops.of(integration_id) if one.loop is loop), None)


def test_a_sweep_that_never_succeeds_is_seen(parts: Parts, double: StoreDouble, simulator: Simulator) -> None:
    """The loop is a warning at its first error, and has failed when a quarter of an hour has brought no success."""
    made = parts.connect()
    double.page = lease_all
    simulator.control.fault(path=SEARCH_PATH, status=400, times=None)
    for _ in range(2):
        parts.sweep().turn()

    found = state(parts, made.integration_id, Loop.SWEEP)
    assert found is not None
    assert (found.succeeded_at, found.reason) == (None, "crm_refused")
    assert found.failing_since is not None
    assert found.failed_at is not None
    assert found.failing_since < found.failed_at
    soon, late = parts.doctor(), parts.doctor(clock=lambda: now() + timedelta(minutes=16))
    for doctor, expected in ((soon, WARNING), (late, FAILED)):
        check = {one.name: one for one in doctor.check("tenant-1", made.integration_id)}["sweep"]
        assert (check.state, check.reason, "never succeeded" in check.finding) == (expected, "crm_refused", True)
    assert parts.loops.failing_seconds("sweep") > 0

    simulator.control.clear_faults()
    parts.sweep().turn()

    found = state(parts, made.integration_id, Loop.SWEEP)
    assert found is not None
    assert (found.failing_since, found.reason) == (None, "crm_refused")
    (check,) = [one for one in parts.doctor().check("tenant-1", made.integration_id) if one.name == "sweep"]
    assert (check.state, "The last error was at" in check.finding) == (OK, True)


def test_the_finding_about_a_loop_has_whole_sentences(parts: Parts, simulator: Simulator) -> None:
    """The CRM's error is a sentence, and the last success is the next one."""
    made = parts.connect()
    problem = {"status": "error", "category": "VALIDATION_ERROR", "message": "no"}
    simulator.control.fault(path=SEARCH_PATH, status=400, body=problem, times=None)
    parts.sweep().turn()

    (check,) = [one for one in parts.doctor().check("tenant-1", made.integration_id) if one.name == "sweep"]

    assert check.finding.endswith("The CRM refused the request: 400 VALIDATION_ERROR. It has never succeeded.")


def test_a_search_for_removed_records_that_fails_is_seen(
    parts: Parts, double: StoreDouble, simulator: Simulator
) -> None:
    """The sweep before it has succeeded: each has its own state."""
    made = parts.connect()
    double.page = lease_all
    simulator.control.fault(method="GET", path=ARCHIVE_PATH, status=400, times=None)

    parts.sweep(lambda: now() + timedelta(days=2)).turn()

    failing = {one.loop for one in parts.loops.of(made.integration_id) if one.failing_since}
    assert failing == {Loop.ARCHIVE_PASS}


def test_a_token_that_cannot_be_renewed_is_seen(parts: Parts, simulator: Simulator) -> None:
    """The reason is the CRM's; a token that is never renewed has no such loop."""
    given = parts.connect()
    assert state(parts, given.integration_id, Loop.TOKEN_REFRESH) is None
    parts.integrations.delete("tenant-1", given.integration_id)
    made = parts.connect(credential=Credential.refresh_token(hub.REFRESH_TOKEN))
    simulator.control.fault(path="/oauth/v1/token", status=400, times=None)

    with pytest.raises(ConnectorError):
        parts.connections.crm(made.integration_id).account(writes=False)

    found = state(parts, made.integration_id, Loop.TOKEN_REFRESH)
    assert found is not None
    assert (found.failing_since is not None, found.reason) == (True, "crm_auth_failed")


def test_settings_that_lead_store_does_not_take_are_seen(parts: Parts, double: StoreDouble) -> None:
    """Until the next turn of the upkeep has put them."""
    made = parts.connect()
    upkeep = parts.upkeep()
    double.unavailable = 100
    upkeep.turn()
    found = state(parts, made.integration_id, Loop.SETTINGS)
    assert found is not None
    assert (found.failing_since is not None, found.reason) == (True, "store_unavailable")

    double.unavailable = 0
    upkeep.turn()

    found = state(parts, made.integration_id, Loop.SETTINGS)
    assert found is not None
    assert found.failing_since is None


def test_a_deletion_that_fails_again_holds_up_no_other_integration(parts: Parts, double: StoreDouble) -> None:
    """The others' settings are put, and the failure is that of the whole turn."""
    gone = parts.connect()
    double.unavailable = 1
    with pytest.raises(StoreUnavailableError):
        parts.integrations.delete("tenant-1", gone.integration_id)
    other = replace(gone, integration_id="z" * 36, account_id="other", request_id="")
    parts.repository.add(other, parts.repository.sealed(gone.integration_id))
    double.unavailable = 1

    with pytest.raises(StoreUnavailableError):
        parts.upkeep().turn()

    assert other.integration_id in double.targets


def test_a_missing_sweep_is_a_warning(parts: Parts) -> None:
    """A loop that has come to a halt reports no error, so the doctor looks for the success that is missing."""
    made = parts.connect()
    doctor = parts.doctor(clock=lambda: now() + timedelta(minutes=16))

    checks = {one.name: one for one in doctor.check("tenant-1", made.integration_id)}

    assert (checks["sweep"].state, checks["sweep"].finding.startswith("The sweep has not")) == (WARNING, True)


def test_metrics_show_how_long_a_loop_has_been_failing(parts: Parts) -> None:
    """A paused or deleted integration does not count, nor a loop that another process has."""
    metrics, made = Metrics(), parts.connect()
    metrics.watch_loops(["stream", "upkeep"], parts.loops.failing_seconds)

    def failing(loop: str) -> bool:
        return (metrics.registry.get_sample_value("leadsync_loop_failing_seconds", {"loop": loop}) or 0.0) > 0

    parts.loops.failed(made.integration_id, Loop.STREAM, StoreUnavailableError("integration_busy", "Busy."))
    parts.loops.failed("gone", Loop.STREAM, None)
    assert state(parts, made.integration_id, Loop.STREAM) is None
    assert not failing("stream")
    assert not failing("upkeep")

    def fail() -> float:
        parts.stop.set()
        raise StoreUnavailableError("store_unavailable", "Away.")

    repeat(fail, "upkeep", parts.stop, 0.0, parts.loops)
    assert not failing("upkeep")  # the process ends
    parts.loops.turned("upkeep", failed=True)
    assert failing("upkeep")
    parts.loops.turned("upkeep", failed=False)
    assert not failing("upkeep")


def test_metrics_show_the_account_that_was_swept_longest_ago(
    parts: Parts, db: Database[dict[str, Any]], double: StoreDouble
) -> None:
    """An account without any sweep counts from when it was connected; one that is not swept does not count."""
    made, double.page = parts.connect(), lease_all
    later = made.created_at + timedelta(hours=3)

    def unswept() -> float:
        return Loops(MongoLoops(db), parts.repository, lambda: later).unswept_seconds()

    assert unswept() == 3 * 3600
    parts.sweep().turn()
    assert 3 * 3600 - 60 < unswept() < 3 * 3600
    parts.integrations.update("tenant-1", made.integration_id, builders.changes(direction=TO_CRM), "")
    assert unswept() == 0.0


def test_a_state_that_cannot_be_stored_stops_no_loop(parts: Parts) -> None:
    """What watches a loop must not be what breaks it: its own outcome is all that its caller sees."""
    with MongoClient[dict[str, Any]]("127.0.0.1:1", serverSelectionTimeoutMS=10) as away:
        loops = Loops(MongoLoops(away.nowhere), parts.repository, now)
        with loops.watch("1", Loop.SWEEP):
            pass
        with pytest.raises(ConnectorError, match="Some words"), loops.watch("1", Loop.SWEEP):
            raise ConnectorError("some_reason", "Some words.")


def test_states_are_translated() -> None:
    """What has not happened is absent."""
    at = now()
    message = mapping.loop_state(LoopState(Loop.SWEEP, failed_at=at, failing_since=at, reason="r", message="m"))
    assert (message.name, message.reason, message.message) == ("sweep", "r", "m")
    assert (message.HasField("last_success_at"), message.failing_since == message.last_error_at) == (False, True)
