"""Something between us and HubSpot answers in its place: that is an outage, never HubSpot's verdict."""

from typing import Any

import pytest
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.domain.errors import CrmUncertainError
from crm_connector.domain.run import RunKind, RunState
from crm_connector.providers.hubspot.provider import HubSpotCrm
from crm_connector.usecases.work import Job
from integration.connector import builders
from integration.connector.builders import a_batch, record_leases
from integration.connector.hub import Simulator
from integration.connector.lead_store_double import StoreDouble, lease_all
from integration.connector.rig import TIMING, Parts
from leadsync.sync.v1 import sync_pb2, work_service_pb2

ANSWERS: list[dict[str, Any]] = [
    {"status": 200, "text": "<html>Please log in</html>"},
    {"status": 200, "body": {"ok": True}},
    {"status": 302, "text": "<html>Moved</html>", "headers": {"Location": "https://login.example.com"}},
    {"status": 400, "text": "<html>Bad Request</html>"},
    {"status": 400, "body": {"error": "Bad Request"}},
    {"status": 403, "text": "<html>Blocked</html>"},
    {"status": 404, "text": "<html>Not Found</html>"},
    {"status": 407, "text": ""},
    {"status": 451, "body": {"message": "Unavailable For Legal Reasons", "code": 451}},
]
EVERY_ANSWER = pytest.mark.parametrize("answer", ANSWERS, ids=lambda one: f"{one['status']} {'text' in one}")


@pytest.fixture
def job(store: GrpcLeadStore, crm: HubSpotCrm) -> Job:
    """The job under test."""
    return Job(store, lambda _: crm, TIMING)


def in_between(simulator: Simulator, answer: dict[str, Any], path: str = "/") -> None:
    """Let it answer all calls, until it is gone."""
    simulator.control.fault(path=path, times=None, **answer)


@EVERY_ANSWER
def test_work_in_hand_waits(job: Job, double: StoreDouble, simulator: Simulator, answer: dict[str, Any]) -> None:
    """Nothing is concluded on any record, no attempt is counted, and afterwards all is worked."""
    ids = simulator.control.create_contacts(4)
    in_between(simulator, answer)

    job.run(a_batch(*record_leases([*ids, "123"])))

    assert double.observations == []
    assert {(one.kind, bool(one.retry_after_ms)) for one in double.releases} == {
        (work_service_pb2.RELEASE_KIND_WAITING, True)
    }
    simulator.control.clear_faults()
    job.run(a_batch(*record_leases([*ids, "123"])))
    assert [double.state_of(f"work-{one}") for one in (*ids, "123")] == [*["present"] * 4, "absent"]


@EVERY_ANSWER
@pytest.mark.parametrize("kind", ["update", "create", "archive"])
def test_a_write_has_no_outcome(
    job: Job, double: StoreDouble, simulator: Simulator, answer: dict[str, Any], kind: str
) -> None:
    """Nobody knows what became of it: it is neither refused nor done, and the next reading shows which."""
    ids = simulator.control.create_contacts(2)

    def decide(seen: sync_pb2.Observation) -> sync_pb2.Decision:
        match kind:
            case "update":
                return builders.update(seen, phone="1")
            case "create":
                return builders.create(seen, f"lead-{seen.present.record_id}", phone="1")
            case _:
                return builders.archive(seen)

    double.decide = decide
    path = {"update": "batch/update", "create": "batch/upsert", "archive": "batch/archive"}[kind]
    in_between(simulator, answer, f"/crm/v3/objects/contacts/{path}")

    job.run(a_batch(*record_leases(ids)))

    assert (double.results, double.releases) == ([], [])


@EVERY_ANSWER
def test_a_run_and_a_sweep_wait(
    parts: Parts, double: StoreDouble, simulator: Simulator, answer: dict[str, Any]
) -> None:
    """They go on where they were."""
    double.page = lease_all
    made = parts.connect()
    ids = simulator.control.create_contacts(4)
    run = parts.start(made, RunKind.IMPORT)
    in_between(simulator, answer)

    parts.runner().turn()
    with pytest.raises(CrmUncertainError):
        parts.sweep().sweep(made)

    assert parts.run(run).state is RunState.RUNNING
    assert (parts.cursors.get(made.integration_id), double.observations) == (None, [])
    simulator.control.clear_faults()
    assert parts.ended(run).state is RunState.SUCCEEDED
    assert set(double.observed_ids()) == set(ids)
