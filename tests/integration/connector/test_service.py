"""The whole process: gRPC in, gRPC and HTTP out, signals."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from crm_connector.mongo.client import connect
from google.protobuf import field_mask_pb2
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from integration.connector import support
from integration.connector.support import Simulator, StoreDouble, wait_until
from leadsync.integration.v1 import integration_pb2, integration_service_pb2, integration_service_pb2_grpc
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import sync_pb2, sync_service_pb2

COMMAND = [sys.executable, "-m", "crm_connector"]


@contextmanager
def running(mongo_url: str, store_url: str, hubspot_url: str, **more: str) -> Iterator[tuple[int, Any]]:
    """Run crm-connector on an empty database; its port and its process."""
    port, prefix = support.free_port(), f"test_{uuid.uuid4().hex[:12]}"
    environment = {
        "MONGO_URL": mongo_url,
        "LEAD_STORE_URL": store_url,
        "CRM_CONNECTOR_PORT": str(port),
        "HUBSPOT_BASE_URL": hubspot_url,
        "LEADSYNC_SECRET_KEY": "k" * 32,
        "HUBSPOT_DEVELOPER_API_KEY": support.DEVELOPER_KEY,
        "LEADSYNC_DATABASE_PREFIX": prefix,
    }
    with support.child(COMMAND, port, **(environment | more)) as process:
        yield port, process
    client = connect(mongo_url)
    client.drop_database(f"{prefix}_crm_connector")
    client.close()


@pytest.fixture
def process(mongo_url: str, double: StoreDouble, simulator: Simulator) -> Iterator[tuple[int, Any]]:
    """A running crm-connector beside the double and the simulator."""
    with support.served(double) as store_url, running(mongo_url, store_url, simulator.url) as started:
        yield started


@pytest.fixture
def stub(process: tuple[int, Any]) -> Iterator[integration_service_pb2_grpc.IntegrationServiceStub]:
    """A client of it."""
    with grpc.insecure_channel(f"127.0.0.1:{process[0]}") as channel:
        yield integration_service_pb2_grpc.IntegrationServiceStub(channel)


def _request(**more: Any) -> integration_service_pb2.CreateIntegrationRequest:
    wished = integration_pb2.Integration(direction=lead_pb2.DIRECTION_BIDIRECTIONAL)
    values: dict[str, Any] = {
        "tenant_id": "t",
        "provider": "hubspot",
        "access_token": support.TOKEN,
        "integration": wished,
    }
    return integration_service_pb2.CreateIntegrationRequest(**(values | more))


def _refusal(call: Any, request: Any) -> tuple[grpc.StatusCode, str, list[str]]:
    """Status, reason and fields of a refused call."""
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=10)
    assert isinstance(caught.value, grpc.Call)
    status = rpc_status.from_call(caught.value)
    assert status is not None
    info, violations = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        _ = detail.Unpack(info) or detail.Unpack(violations)
    assert info.domain == "leadsync"
    return caught.value.code(), info.reason, [violation.field for violation in violations.field_violations]


def _health(channel: grpc.Channel) -> int:
    """How the service says it is."""
    stub: Any = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service="leadsync.integration.v1.IntegrationService")
    return int(stub.Check(request, timeout=5).status)


def test_a_due_record_is_worked_end_to_end(
    stub: integration_service_pb2_grpc.IntegrationServiceStub, double: StoreDouble, simulator: Simulator
) -> None:
    """Connected over gRPC, a leased record is read, decided on, written and settled."""
    made = stub.CreateIntegration(_request(), timeout=10).integration
    assert support.TOKEN not in str(made)
    record_id = simulator.control.create_contact({"email": "ada@example.com"})
    double.decide = lambda seen: support.update(seen, first_name="Ada")

    lease = sync_pb2.Lease(lane_id="lane-1", fence=1, record_id=record_id)
    double.offer(
        sync_service_pb2.LeaseWorkResponse(integration_id=made.integration_id, leases=[lease], lease_ms=60_000)
    )

    wait_until(lambda: len(double.results) == 1)
    assert record_id == double.results[0].done.record_id
    assert simulator.control.contact(record_id)["properties"]["firstname"] == "Ada"


def test_the_service_can_be_used_and_refuses_in_plain_words(
    stub: integration_service_pb2_grpc.IntegrationServiceStub,
) -> None:
    """Create, list, update, webhooks and delete work; each refusal has its status, reason and field."""
    pb, codes = integration_service_pb2, grpc.StatusCode
    made = stub.CreateIntegration(_request(request_id="r"), timeout=10).integration
    assert made == stub.CreateIntegration(_request(request_id="r"), timeout=10).integration
    key = {"tenant_id": "t", "integration_id": made.integration_id}

    assert [made] == list(stub.ListIntegrations(pb.ListIntegrationsRequest(tenant_id="t"), timeout=5).integrations)
    mask = field_mask_pb2.FieldMask(paths=["paused"])
    paused = integration_pb2.Integration(paused=True)
    change = pb.UpdateIntegrationRequest(**key, integration=paused, update_mask=mask, etag=made.etag)
    assert stub.UpdateIntegration(change, timeout=10).integration.paused
    assert _refusal(stub.UpdateIntegration, change) == (codes.ABORTED, "stale_etag", [])
    assert _refusal(stub.CreateIntegration, _request()) == (codes.ALREADY_EXISTS, "account_connected", [])
    wrong = _request(access_token="a b")
    assert _refusal(stub.CreateIntegration, wrong) == (codes.INVALID_ARGUMENT, "invalid_field", ["access_token"])
    unknown = _request(provider="zoho")
    assert _refusal(stub.CreateIntegration, unknown) == (codes.INVALID_ARGUMENT, "unknown_provider", ["provider"])
    refused = _request(access_token="pat-na1-x")
    assert _refusal(stub.CreateIntegration, refused) == (codes.FAILED_PRECONDITION, "crm_auth_failed", [])

    assert stub.EnableWebhooks(pb.EnableWebhooksRequest(**key), timeout=20).webhooks.managed
    assert not stub.DisableWebhooks(pb.DisableWebhooksRequest(**key), timeout=20).webhooks.enabled
    assert len(stub.GetWebhookStatus(pb.GetWebhookStatusRequest(**key), timeout=20).webhooks.subscriptions) == 12

    stub.DeleteIntegration(pb.DeleteIntegrationRequest(**key), timeout=20)
    missing = _refusal(stub.GetIntegration, pb.GetIntegrationRequest(**key))
    assert missing == (codes.NOT_FOUND, "integration_not_found", [])


def test_health_is_serving_and_sigterm_ends_it_in_order(process: tuple[int, Any], double: StoreDouble) -> None:
    """SIGTERM ends the process with 0 within five seconds, also while it holds a call."""
    port, started = process
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        wait_until(lambda: _health(channel) == health_pb2.HealthCheckResponse.SERVING)
    wait_until(lambda: double.held == 1)

    started.send_signal(signal.SIGTERM)

    assert started.wait(6) == 0


def test_runs_doctor_and_fields_are_served(stub: integration_service_pb2_grpc.IntegrationServiceStub) -> None:
    """An import is started once, worked, shown and listed; a push can be cancelled; checks and fields are told."""
    pb, codes = integration_service_pb2, grpc.StatusCode
    made = stub.CreateIntegration(_request(), timeout=10).integration
    key = {"tenant_id": "t", "integration_id": made.integration_id}
    started = stub.StartImport(pb.StartImportRequest(**key, request_id="r"), timeout=5).run
    assert (started.kind, started.created_at.seconds > 0) == (integration_pb2.RUN_KIND_IMPORT, True)
    assert started.run_id == stub.StartImport(pb.StartImportRequest(**key, request_id="r"), timeout=5).run.run_id

    def shown(run: integration_pb2.Run) -> integration_pb2.Run:
        return stub.GetRun(pb.GetRunRequest(tenant_id="t", run_id=run.run_id), timeout=5).run

    wait_until(lambda: shown(started).state == integration_pb2.RUN_STATE_SUCCEEDED)
    assert (shown(started).calls, shown(started).HasField("ended_at")) == (2, True)
    push = stub.StartPush(pb.StartPushRequest(**key, lead_ids=["lead-1", "lead-2"]), timeout=5).run
    again = _refusal(stub.StartPush, pb.StartPushRequest(**key))
    assert again == (codes.FAILED_PRECONDITION, "run_in_progress", [])
    cancelled = stub.CancelRun(pb.CancelRunRequest(tenant_id="t", run_id=push.run_id), timeout=5).run
    assert (cancelled.state, cancelled.total) == (integration_pb2.RUN_STATE_CANCELLED, 2)

    first = stub.ListRuns(pb.ListRunsRequest(tenant_id="t", page_size=1), timeout=5)
    rest = stub.ListRuns(pb.ListRunsRequest(tenant_id="t", page_token=first.next_page_token), timeout=5)
    assert [run.run_id for run in [*first.runs, *rest.runs]] == [push.run_id, started.run_id]
    assert rest.next_page_token == ""
    only = pb.ListRunsRequest(tenant_id="t", kind=integration_pb2.RUN_KIND_IMPORT)
    assert [run.run_id for run in stub.ListRuns(only, timeout=5).runs] == [started.run_id]

    checks = {check.name: check.state for check in stub.CheckIntegration(pb.CheckIntegrationRequest(**key)).checks}
    assert (checks["token"], checks["url"]) == (integration_pb2.CHECK_STATE_OK, integration_pb2.CHECK_STATE_WARNING)
    fields = {field.property: field for field in stub.ListCrmFields(pb.ListCrmFieldsRequest(**key), timeout=10).fields}
    assert (fields["email"].mapped_to, fields["hs_lead_status"].options[0].value) == ("email", "NEW")

    missing = _refusal(stub.GetRun, pb.GetRunRequest(tenant_id="u", run_id=push.run_id))
    assert missing == (codes.NOT_FOUND, "run_not_found", [])
    many = pb.StartPushRequest(**key, lead_ids=["x"] * 10_001)
    assert _refusal(stub.StartPush, many) == (codes.INVALID_ARGUMENT, "invalid_field", ["lead_ids"])


def test_without_mongodb_it_says_that_it_does_not_serve() -> None:
    """Health is answered from the start, and calls say what is missing."""
    nobody = f"mongodb://127.0.0.1:{support.free_port()}/?serverSelectionTimeoutMS=500"
    port = support.free_port()
    environment = {"MONGO_URL": nobody, "CRM_CONNECTOR_PORT": str(port), "LEADSYNC_SECRET_KEY": "k" * 32}
    with support.child(COMMAND, port, **environment), grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert _health(channel) == health_pb2.HealthCheckResponse.NOT_SERVING
        stub = integration_service_pb2_grpc.IntegrationServiceStub(channel)
        refusal = _refusal(stub.ListIntegrations, integration_service_pb2.ListIntegrationsRequest(tenant_id="t"))
    assert refusal == (grpc.StatusCode.UNAVAILABLE, "store_unavailable", [])


def test_a_faulty_configuration_ends_it_with_2_and_says_why() -> None:
    """Nothing starts; all faults are on stderr."""
    environment = {key: value for key, value in os.environ.items() if key not in {"MONGO_URL", "LEADSYNC_SECRET_KEY"}}

    done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 2
    assert "MONGO_URL" in done.stderr
    assert "LEADSYNC_SECRET_KEY" in done.stderr
