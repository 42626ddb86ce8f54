"""lead-store with TLS: who gets in, and what each service may call there."""

from pathlib import Path
from typing import Any

import certificates
import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from integration.tls.conftest import Open, Served
from lead_store.rpc.server import HELD_CALLS, WORKERS
from leadsync.inbox.v1 import inbox_service_pb2, inbox_service_pb2_grpc
from leadsync.lead.v1 import lead_service_pb2, lead_service_pb2_grpc
from leadsync.sync.v1 import work_service_pb2, work_service_pb2_grpc

LEASE = work_service_pb2.LeaseWorkRequest(worker_id="w", max_leases=1)
SECONDS = 60
ACCEPTED = "accepted"


def answer(call: Any, request: Any) -> str:
    """What comes of a call: accepted, the reason, or that there was no connection."""
    try:
        call(request, timeout=SECONDS)
    except grpc.RpcError as error:
        status, info = rpc_status.from_call(error), error_details_pb2.ErrorInfo()  # type: ignore[arg-type]  # it is a call
        _ = status and [detail.Unpack(info) for detail in status.details]
        return f"{error.code().name} {info.reason}".strip()
    return ACCEPTED


def calls(channel: grpc.Channel) -> dict[str, str]:
    """What comes of one call of each kind."""
    leads, work = lead_service_pb2_grpc.LeadServiceStub(channel), work_service_pb2_grpc.WorkServiceStub(channel)
    inbox = inbox_service_pb2_grpc.InboxServiceStub(channel)
    page = lead_service_pb2.ListLeadsRequest(tenant_id="acme")
    return {
        "list leads": answer(leads.ListLeads, page),
        "get a lead": answer(leads.GetLead, lead_service_pb2.GetLeadRequest(tenant_id="acme", lead_id="x")),
        "record webhooks": answer(inbox.RecordDeliveries, inbox_service_pb2.RecordDeliveriesRequest()),
        "lease work": answer(work.LeaseWork, LEASE),
    }


REFUSED = "PERMISSION_DENIED caller_not_allowed"
NOTHING_IN_IT = "INVALID_ARGUMENT invalid_field"
NO_LEAD = "NOT_FOUND lead_not_found"


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("webhook-gateway", (ACCEPTED, NO_LEAD, NOTHING_IN_IT, REFUSED)),
        ("crm-connector", (ACCEPTED, REFUSED, NOTHING_IN_IT, ACCEPTED)),
        ("platform", (ACCEPTED, NO_LEAD, REFUSED, REFUSED)),
        ("lead-store", (REFUSED, REFUSED, REFUSED, REFUSED)),
    ],
)
def test_a_service_may_call_only_what_is_its_own(open_channel: Open, service: str, expected: tuple[str, ...]) -> None:
    """The certificate's name decides, and a refusal has one reason."""
    assert tuple(calls(open_channel(service)).values()) == expected


def test_a_refusal_says_what_to_do(open_channel: Open) -> None:
    """It names the method, who may call it, who has called, and what to set."""
    stub = work_service_pb2_grpc.WorkServiceStub(open_channel("platform"))

    with pytest.raises(grpc.RpcError) as refused:
        stub.LeaseWork(LEASE, timeout=SECONDS)

    assert refused.value.details() == (
        "LeaseWork is for crm-connector, not for localhost, platform: "
        "call it with a certificate of that name (LEADSYNC_TLS_CERT)"
    )


def test_a_stream_is_refused_as_well(open_channel: Open) -> None:
    """crm-connector may not watch leads."""
    stub = lead_service_pb2_grpc.LeadServiceStub(open_channel("crm-connector"))

    def first(request: Any, timeout: float) -> Any:
        return next(stub.WatchLeads(request, timeout=timeout))

    assert answer(first, lead_service_pb2.WatchLeadsRequest(tenant_id="acme")) == REFUSED


def test_a_name_counts_only_as_a_whole(served: Served, open_channel: Open) -> None:
    """A certificate of `platform`, a zero byte and more is not platform's, though gRPC shows the name up to there."""
    for name in ("platform\x00.other.example", "PLATFORM", "platform.", "*", "x.platform"):
        folder = certificates.make_named(served.folder, "strange", name)
        assert set(calls(open_channel("strange", folder)).values()) == {REFUSED}
    folder = certificates.make_named(served.folder, "strange", "platform")
    assert calls(open_channel("strange", folder))["list leads"] == ACCEPTED


def test_anybody_with_a_certificate_may_ask_for_health(open_channel: Open) -> None:
    """lead-store itself too: its health check uses its own certificate."""
    for service in ("lead-store", "platform"):
        stub: Any = health_pb2_grpc.HealthStub(open_channel(service))
        status = stub.Check(health_pb2.HealthCheckRequest(), timeout=SECONDS).status
        assert status == health_pb2.HealthCheckResponse.SERVING


def test_watching_health_keeps_no_thread_busy(open_channel: Open) -> None:
    """More watches of the health than there are threads, as callers of any language open them: calls are answered."""
    watcher: Any = health_pb2_grpc.HealthStub(open_channel("platform"))
    watches = [watcher.Watch(health_pb2.HealthCheckRequest(), timeout=SECONDS) for _ in range(WORKERS + HELD_CALLS + 1)]
    try:
        assert {next(watch).status for watch in watches} == {health_pb2.HealthCheckResponse.SERVING}
        stub = lead_service_pb2_grpc.LeadServiceStub(open_channel("webhook-gateway"))
        assert answer(stub.ListLeads, lead_service_pb2.ListLeadsRequest(tenant_id="acme")) == ACCEPTED
    finally:
        for watch in watches:
            watch.cancel()


def health(channel: grpc.Channel) -> str:
    """What comes of a health check: accepted, or the code of the failure."""
    stub: Any = health_pb2_grpc.HealthStub(channel)
    return answer(stub.Check, health_pb2.HealthCheckRequest())


def test_without_a_certificate_of_this_ca_there_is_no_connection(
    served: Served, open_channel: Open, tmp_path: Path
) -> None:
    """Neither in plaintext, nor without a certificate, nor with one of another CA or one that has ended."""
    other = certificates.make(tmp_path / "other", "crm-connector")
    ended = certificates.make(served.folder, "old")
    certificates.make_ended(ended, "old")

    with grpc.insecure_channel(f"127.0.0.1:{served.port}") as plaintext:
        refused = [plaintext, open_channel(""), open_channel("crm-connector", other), open_channel("old", ended)]
        assert [health(channel) for channel in refused] == ["UNAVAILABLE"] * 4
    assert health(open_channel("crm-connector")) == ACCEPTED
