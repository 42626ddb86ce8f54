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
from crm_connector.domain.integration import Credential
from crm_connector.mongo.client import connect
from crm_connector.vault import AesVault
from google.protobuf import field_mask_pb2
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from integration.connector import builders, hub, processes
from integration.connector.builders import BOTH, FROM_CRM
from integration.connector.hub import Simulator
from integration.connector.lead_store_double import StoreDouble, served
from integration.connector.processes import wait_until
from leadsync.integration.v1 import integration_pb2, integration_service_pb2, integration_service_pb2_grpc
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import policy_pb2, sync_pb2, work_service_pb2

COMMAND = [sys.executable, "-m", "crm_connector"]


def environment_of(mongo_url: str, store_url: str, hubspot_url: str, port: int, prefix: str) -> dict[str, str]:
    """The settings of a process."""
    return {
        "MONGO_URL": mongo_url,
        "LEAD_STORE_URL": store_url,
        "CRM_CONNECTOR_PORT": str(port),
        "HUBSPOT_BASE_URL": hubspot_url,
        "LEADSYNC_SECRET_KEY": "k" * 32,
        "HUBSPOT_DEVELOPER_API_KEY": hub.DEVELOPER_KEY,
        "LEADSYNC_DATABASE_PREFIX": prefix,
        "LEADSYNC_TIME_SCALE": "20",
    }


@contextmanager
def running(mongo_url: str, store_url: str, hubspot_url: str) -> Iterator[tuple[int, Any, str]]:
    """Run crm-connector on an empty database: its port, its process and its database."""
    port, prefix = processes.free_port(), f"test_{uuid.uuid4().hex[:12]}"
    environment = environment_of(mongo_url, store_url, hubspot_url, port, prefix)
    with processes.child(COMMAND, port, environment) as process:
        yield port, process, f"{prefix}_crm_connector"
    client = connect(mongo_url)
    client.drop_database(f"{prefix}_crm_connector")
    client.close()


@pytest.fixture(scope="module")
def served_double() -> Iterator[tuple[StoreDouble, str]]:
    """A double of lead-store, and its address."""
    double = StoreDouble()
    with served(double) as url:
        yield double, url


@pytest.fixture(scope="module")
def shared(
    mongo_url: str, served_double: tuple[StoreDouble, str], running_simulator: Simulator
) -> Iterator[tuple[int, Any, str]]:
    """One crm-connector for all tests that do not end it. It serves by now: during its start, calls may be refused."""
    with running(mongo_url, served_double[1], running_simulator.url) as started:
        with grpc.insecure_channel(f"127.0.0.1:{started[0]}") as channel:
            wait_until(lambda: _health(channel) == health_pb2.HealthCheckResponse.SERVING)
        yield started


@pytest.fixture
def double(served_double: tuple[StoreDouble, str]) -> StoreDouble:
    """The double, which has forgotten the test before."""
    served_double[0].reset()
    return served_double[0]


@pytest.fixture
def stub(
    shared: tuple[int, Any, str],
    mongo_url: str,
    simulator: Simulator,  # noqa: ARG001 - so that it is empty
) -> Iterator[integration_service_pb2_grpc.IntegrationServiceStub]:
    """A client of a crm-connector that knows no integration; the simulator is empty."""
    client = connect(mongo_url)
    database = client[shared[2]]
    for name in database.list_collection_names():
        database[name].delete_many({})
    client.close()
    with grpc.insecure_channel(f"127.0.0.1:{shared[0]}") as channel:
        yield integration_service_pb2_grpc.IntegrationServiceStub(channel)


def _policy(direction: lead_pb2.Direction.ValueType = BOTH, **more: Any) -> policy_pb2.SyncPolicy:
    return policy_pb2.SyncPolicy(direction=direction, **more)


def _request(**more: Any) -> integration_service_pb2.CreateIntegrationRequest:
    given = integration_pb2.Integration(policy=_policy())
    values: dict[str, Any] = {
        "tenant_id": "t",
        "provider": "hubspot",
        "access_token": hub.TOKEN,
        "integration": given,
    }
    return integration_service_pb2.CreateIntegrationRequest(**(values | more))


def _changed(before: integration_pb2.Integration, after: integration_pb2.Integration) -> set[str]:
    """Paths of what differs."""
    names = {field.name for field in before.DESCRIPTOR.fields} - {"policy"}
    parts = {field.name for field in before.policy.DESCRIPTOR.fields}
    of_policy = {f"policy.{name}" for name in parts if getattr(before.policy, name) != getattr(after.policy, name)}
    return {name for name in names if getattr(before, name) != getattr(after, name)} | of_policy


def _refusal(call: Any, request: Any) -> tuple[grpc.StatusCode, str, list[str]]:
    """Status, reason and fields of a refused call."""
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=60)
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
    return int(stub.Check(request, timeout=60).status)


def test_a_due_record_is_worked_end_to_end(
    stub: integration_service_pb2_grpc.IntegrationServiceStub, double: StoreDouble, simulator: Simulator
) -> None:
    """Connected over gRPC, a leased record is read, decided on, written and settled."""
    made = stub.CreateIntegration(_request(), timeout=60).integration
    assert hub.TOKEN not in str(made)
    record_id = simulator.control.create_contact({"email": "ada@example.com"})
    double.decide = lambda seen: builders.update(seen, first_name="Ada")

    lease = sync_pb2.Lease(work_item_id="work-1", fence=1, record_id=record_id)
    double.offer(
        work_service_pb2.LeaseWorkResponse(integration_id=made.integration_id, leases=[lease], lease_ms=60_000)
    )

    wait_until(lambda: len(double.results) == 1)
    assert record_id == double.results[0].done.record_id
    assert simulator.control.contact(record_id)["properties"]["firstname"] == "Ada"


def test_the_service_can_be_used_and_refuses_in_plain_words(
    stub: integration_service_pb2_grpc.IntegrationServiceStub,
) -> None:
    """Create, list, update, webhooks and delete work; each refusal has its status, reason and field."""
    pb, codes = integration_service_pb2, grpc.StatusCode
    made = stub.CreateIntegration(_request(request_id="r"), timeout=60).integration
    assert made == stub.CreateIntegration(_request(request_id="r"), timeout=60).integration
    key: dict[str, Any] = {"tenant_id": "t", "integration_id": made.integration_id}

    assert [made] == list(stub.ListIntegrations(pb.ListIntegrationsRequest(tenant_id="t"), timeout=60).integrations)
    mask = field_mask_pb2.FieldMask(paths=["paused"])
    paused = integration_pb2.Integration(paused=True)
    change = pb.UpdateIntegrationRequest(**key, integration=paused, update_mask=mask, etag=made.etag)
    assert stub.UpdateIntegration(change, timeout=60).integration.paused
    assert _refusal(stub.UpdateIntegration, change) == (codes.ABORTED, "stale_etag", [])
    assert _refusal(stub.CreateIntegration, _request()) == (codes.ALREADY_EXISTS, "account_connected", [])
    wrong = _request(access_token="a b")
    assert _refusal(stub.CreateIntegration, wrong) == (codes.INVALID_ARGUMENT, "invalid_field", ["access_token"])
    unknown = _request(provider="zoho")
    assert _refusal(stub.CreateIntegration, unknown) == (codes.INVALID_ARGUMENT, "unknown_provider", ["provider"])
    refused = _request(access_token="pat-na1-x")
    assert _refusal(stub.CreateIntegration, refused) == (codes.FAILED_PRECONDITION, "crm_auth_failed", [])

    assert stub.EnableWebhooks(pb.EnableWebhooksRequest(**key), timeout=60).webhooks.managed
    assert not stub.DisableWebhooks(pb.DisableWebhooksRequest(**key), timeout=60).webhooks.enabled
    assert len(stub.GetWebhookStatus(pb.GetWebhookStatusRequest(**key), timeout=60).webhooks.subscriptions) == 13

    stub.DeleteIntegration(pb.DeleteIntegrationRequest(**key), timeout=60)
    missing = _refusal(stub.GetIntegration, pb.GetIntegrationRequest(**key))
    assert missing == (codes.NOT_FOUND, "integration_not_found", [])


def test_settings_go_round_and_each_changes_alone(
    stub: integration_service_pb2_grpc.IntegrationServiceStub, double: StoreDouble
) -> None:
    """What decides about records is stored as given, reaches lead-store, and is applied by a run when it changes."""
    pb, kinds = integration_service_pb2, integration_pb2
    options = [kinds.OptionPair(crm="NEW", value="new"), kinds.OptionPair(crm="OPEN", value="open")]
    given = integration_pb2.Integration(
        policy=_policy(
            fields=[policy_pb2.FieldRule(field="email", direction=lead_pb2.DIRECTION_FROM_CRM)],
            matching=policy_pb2.Matching(keys=[policy_pb2.MATCH_KEY_NAME_DOMAIN], phone_region="CH"),
            deletions=policy_pb2.Deletions(record_policy=policy_pb2.RECORD_POLICY_ARCHIVE),
        ),
        field_mapping={"email": "email", "custom_fields.a_b": "hs_lead_status"},
        field_transforms=[
            kinds.FieldTransforms(
                field="custom_fields.a_b",
                transforms=[
                    kinds.Transform(kind=kinds.TRANSFORM_KIND_TRIM),
                    kinds.Transform(kind=kinds.TRANSFORM_KIND_OPTIONS, options=options),
                ],
            )
        ],
    )
    made = stub.CreateIntegration(_request(integration=given), timeout=60).integration
    assert (made.policy, made.field_mapping) == (given.policy, given.field_mapping)
    assert made.field_transforms == given.field_transforms
    target = double.targets[made.integration_id]
    assert (target.policy, list(target.mapped_fields)) == (given.policy, ["custom_fields.a_b", "email"])
    can = sync_pb2.Capabilities(history=True, erasure_events=True, objects=["contact"])
    assert target.capabilities == can

    key: dict[str, Any] = {"tenant_id": "t", "integration_id": made.integration_id}
    before, after = made, integration_pb2.Integration()
    after.CopyFrom(made)
    after.policy.matching.phone_region = "DE"
    after.policy.fields.add(field="custom_fields.a_b", rule=policy_pb2.MERGE_RULE_ASK)
    after.policy.deletions.cap_number = 7
    after.ClearField("field_transforms")
    applied = {"policy.matching": True, "policy.fields": True, "policy.deletions": False, "field_transforms": True}
    for path, applies in applied.items():
        change = pb.UpdateIntegrationRequest(**key, integration=after)
        change.update_mask.paths.append(path)
        answer = stub.UpdateIntegration(change, timeout=60)
        assert answer.HasField("run") is applies
        assert not applies or answer.run.run_id == double.applied[-1]
        assert _changed(before, answer.integration) == {path, "etag"}
        assert not stub.UpdateIntegration(change, timeout=60).HasField("run")
        before = answer.integration
    listed = stub.ListRuns(pb.ListRunsRequest(tenant_id="t", kind=kinds.RUN_KIND_APPLY), timeout=60).runs
    assert len(listed) == 3

    wrong = pb.UpdateIntegrationRequest(**key, integration=kinds.Integration(policy=_policy()))
    wrong.update_mask.paths.append("policy.matching")
    double.policy_faults = ["policy.matching.phone_region", "policy.fields[0].rule"]
    assert _refusal(stub.UpdateIntegration, wrong)[1:] == ("invalid_policy", double.policy_faults)
    double.policy_faults = []
    wrong.update_mask.paths[:] = ["policy"]
    assert _refusal(stub.UpdateIntegration, wrong)[1:] == ("invalid_field", ["update_mask"])
    wrong.integration.field_mapping.update({"email": "ghost", "phone": "wraith"})
    wrong.update_mask.paths[:] = ["field_mapping"]
    faults = ["field_mapping.email", "field_mapping.phone"]
    assert _refusal(stub.UpdateIntegration, wrong)[1:] == ("invalid_field_mapping", faults)

    many = {f"custom_fields.some_longer_name_{n}": f"some_property_{n}" for n in range(190)}
    wrong.integration.field_mapping.update(many)  # more faults than the trailers of an answer have room for
    _, reason, shown = _refusal(stub.UpdateIntegration, wrong)
    assert (reason, len(shown) > 5, shown[-1]) == ("invalid_field_mapping", True, "field_mapping")


def test_health_is_serving_and_sigterm_ends_it_in_order(mongo_url: str, simulator: Simulator) -> None:
    """SIGTERM ends the process with 0 at once, also while it holds a call that would last longer."""
    own = StoreDouble()
    with served(own) as store_url, running(mongo_url, store_url, simulator.url) as (port, started, _):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            wait_until(lambda: _health(channel) == health_pb2.HealthCheckResponse.SERVING)
        wait_until(lambda: own.held == 1)

        started.send_signal(signal.SIGTERM)

        assert started.wait(15) == 0


def test_the_successor_of_a_killed_process_gives_up_what_that_one_had_leased(
    mongo_url: str, simulator: Simulator
) -> None:
    """Nobody has to wait for the end of leases whose holder is certainly gone: its address is free again."""
    own, port, prefix = StoreDouble(), processes.free_port(), f"test_{uuid.uuid4().hex[:12]}"
    former = list[work_service_pb2.LeaseWorkRequest]()
    with served(own) as store_url:
        environment = environment_of(mongo_url, store_url, simulator.url, port, prefix)
        for _ in range(2):
            with processes.child(COMMAND, port, environment, kill=True):
                wait_until(lambda: own.lease_requests and not own.lease_requests[-1].leaving)
            own.lease_requests, former = [], [*former, *own.lease_requests]
    with connect(mongo_url) as client:
        client.drop_database(f"{prefix}_crm_connector")

    names = list(dict.fromkeys(one.worker_id for one in former if not one.leaving))
    assert len(names) == 2
    assert [one.worker_id for one in former if one.leaving] == names[:1]


def test_runs_doctor_and_fields_are_served(stub: integration_service_pb2_grpc.IntegrationServiceStub) -> None:
    """An import is started once, worked, shown and listed; a push can be cancelled; checks and fields are listed."""
    pb, codes = integration_service_pb2, grpc.StatusCode
    made = stub.CreateIntegration(_request(), timeout=60).integration
    key: dict[str, Any] = {"tenant_id": "t", "integration_id": made.integration_id}
    started = stub.StartImport(pb.StartImportRequest(**key, request_id="r"), timeout=60).run
    assert (started.kind, started.created_at.seconds > 0) == (integration_pb2.RUN_KIND_IMPORT, True)
    assert started.run_id == stub.StartImport(pb.StartImportRequest(**key, request_id="r"), timeout=60).run.run_id

    def shown(run: integration_pb2.Run) -> integration_pb2.Run:
        return stub.GetRun(pb.GetRunRequest(tenant_id="t", run_id=run.run_id), timeout=60).run

    wait_until(lambda: shown(started).state == integration_pb2.RUN_STATE_SUCCEEDED)
    assert (shown(started).calls, shown(started).HasField("ended_at")) == (2, True)
    push = stub.StartPush(pb.StartPushRequest(**key, lead_ids=["lead-1", "lead-2"]), timeout=60).run
    again = _refusal(stub.StartPush, pb.StartPushRequest(**key))
    assert again == (codes.FAILED_PRECONDITION, "run_in_progress", [])
    cancelled = stub.CancelRun(pb.CancelRunRequest(tenant_id="t", run_id=push.run_id), timeout=60).run
    assert (cancelled.state, cancelled.total) == (integration_pb2.RUN_STATE_CANCELLED, 2)

    first = stub.ListRuns(pb.ListRunsRequest(tenant_id="t", page_size=1), timeout=60)
    rest = stub.ListRuns(pb.ListRunsRequest(tenant_id="t", page_token=first.next_page_token), timeout=60)
    assert [run.run_id for run in [*first.runs, *rest.runs]] == [push.run_id, started.run_id]
    assert rest.next_page_token == ""
    only = pb.ListRunsRequest(tenant_id="t", kind=integration_pb2.RUN_KIND_IMPORT)
    assert [run.run_id for run in stub.ListRuns(only, timeout=60).runs] == [started.run_id]

    checks = {check.name: check.state for check in stub.CheckIntegration(pb.CheckIntegrationRequest(**key)).checks}
    assert (checks["token"], checks["url"]) == (integration_pb2.CHECK_STATE_OK, integration_pb2.CHECK_STATE_WARNING)
    fields = {field.property: field for field in stub.ListCrmFields(pb.ListCrmFieldsRequest(**key), timeout=60).fields}
    assert (fields["email"].mapped_to, fields["hs_lead_status"].options[0].value) == ("email", "NEW")

    missing = _refusal(stub.GetRun, pb.GetRunRequest(tenant_id="u", run_id=push.run_id))
    assert missing == (codes.NOT_FOUND, "run_not_found", [])
    many = pb.StartPushRequest(**key, lead_ids=["x"] * 10_001)
    assert _refusal(stub.StartPush, many) == (codes.INVALID_ARGUMENT, "invalid_field", ["lead_ids"])


def test_dry_runs_are_served(
    stub: integration_service_pb2_grpc.IntegrationServiceStub, double: StoreDouble, simulator: Simulator
) -> None:
    """An import is planned as if the integration had the proposed settings; what it found is listed page by page."""
    pb, codes = integration_service_pb2, grpc.StatusCode
    made = stub.CreateIntegration(_request(), timeout=60).integration
    simulator.control.create_contacts(3)
    key: dict[str, Any] = {"tenant_id": "t", "integration_id": made.integration_id}
    proposed = integration_pb2.Integration(policy=_policy(FROM_CRM), field_mapping={"email": "email"})
    mask = field_mask_pb2.FieldMask(paths=["policy.direction", "field_mapping"])

    request = pb.StartImportRequest(**key, dry_run=True, proposed=proposed, proposed_mask=mask)
    run_id = stub.StartImport(request, timeout=60).run.run_id
    of_run: dict[str, Any] = {"tenant_id": "t", "run_id": run_id}
    wait_until(lambda: stub.GetRun(pb.GetRunRequest(**of_run)).run.state == integration_pb2.RUN_STATE_SUCCEEDED)

    run = stub.GetRun(pb.GetRunRequest(**of_run)).run
    assert (run.dry_run, run.calls_needed) == (True, 2)
    assert (dict(run.proposed.field_mapping), run.proposed.policy.direction) == ({"email": "email"}, FROM_CRM)
    assert run.proposed.etag == made.etag
    assert (dict(run.outcomes), dict(run.effects)) == ({"created": 3}, {"leads_created": 3})
    target = double.plans[0].target
    assert (target.integration_id, target.policy.direction) == (made.integration_id, FROM_CRM)
    assert list(target.mapped_fields) == ["email"]
    assert {reading.field for record in double.plans[0].records for reading in record.readings} == {"email"}
    first = stub.ListPlannedRecords(pb.ListPlannedRecordsRequest(**of_run, outcome="created", page_size=2))
    token = first.next_page_token
    rest = stub.ListPlannedRecords(pb.ListPlannedRecordsRequest(**of_run, outcome="created", page_token=token))
    assert (len(first.records), len(rest.records), rest.next_page_token) == (2, 1, "")
    unknown = integration_pb2.Integration(policy=_policy(FROM_CRM), field_mapping={"email": "nope"})
    paused = field_mask_pb2.FieldMask(paths=["paused"])
    wrong: dict[str, Any]
    for wrong, field in (
        ({"proposed": proposed}, "proposed"),
        ({"proposed": unknown, "dry_run": True}, "proposed.field_mapping.email"),
        ({"proposed": proposed, "dry_run": True, "proposed_mask": paused}, "proposed_mask"),
    ):
        code, _, fields = _refusal(stub.StartImport, pb.StartImportRequest(**key, **wrong))
        assert (code, fields) == (codes.INVALID_ARGUMENT, [field])


def test_without_mongodb_it_says_that_it_does_not_serve() -> None:
    """Health is answered from the start, and calls say what is missing."""
    nobody = f"mongodb://127.0.0.1:{processes.free_port()}/?serverSelectionTimeoutMS=500"
    port = processes.free_port()
    environment = {"MONGO_URL": nobody, "CRM_CONNECTOR_PORT": str(port), "LEADSYNC_SECRET_KEY": "k" * 32}
    environment["LEADSYNC_TIME_SCALE"] = "20"
    with (
        processes.child(COMMAND, port, environment, kill=True),
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
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


def test_a_key_that_opens_no_credential_ends_it_with_2(mongo_url: str, served_double: tuple[StoreDouble, str]) -> None:
    """It says which key to restore. A person may say that the key is lost for good: then it starts."""
    prefix, port = f"test_{uuid.uuid4().hex[:12]}", processes.free_port()
    environment = os.environ | {
        "MONGO_URL": mongo_url,
        "LEAD_STORE_URL": served_double[1],
        "CRM_CONNECTOR_PORT": str(port),
        "LEADSYNC_SECRET_KEY": "k" * 32,
        "LEADSYNC_DATABASE_PREFIX": prefix,
    }
    client = connect(mongo_url)
    sealed = AesVault(("x" * 32,)).seal("1", Credential.access_token("token"))
    client[f"{prefix}_crm_connector"].integrations.insert_one({"_id": "1", "deleting": True, "credential": sealed})
    try:
        done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, "Restore the former key" in done.stderr) == (2, True)
        with (
            processes.child(COMMAND, port, environment | {"LEADSYNC_ACCEPT_NEW_KEYS": "1"}),
            grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            wait_until(lambda: _health(channel) == health_pb2.HealthCheckResponse.SERVING)
    finally:
        client.drop_database(f"{prefix}_crm_connector")
        client.close()
