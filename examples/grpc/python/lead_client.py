"""Works with leads over gRPC: create, read, change, list, watch. Needs `pip install ./protos grpcio-status`."""

import json
import os
import random
import sys
import time
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from leadsync.lead.v1 import lead_pb2
from leadsync.lead.v1 import lead_service_pb2 as pb
from leadsync.lead.v1.lead_service_pb2_grpc import LeadServiceStub

TENANT = os.environ.get("TENANT", "default")
# A deadline and retries for every call with one answer. A watch has neither: see `changes`.
SECONDS = 20.0
UNARY = ("CreateLead", "GetLead", "ListLeads", "UpdateLead", "DeleteLead", "ExplainLead")
RETRY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "2s",
    "backoffMultiplier": 3,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
NAMES = [{"service": "leadsync.lead.v1.LeadService", "method": method} for method in UNARY]
SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [{"name": NAMES, "waitForReady": True, "retryPolicy": RETRY}],
}
OPTIONS = [("grpc.service_config", json.dumps(SERVICE_CONFIG)), ("grpc.keepalive_time_ms", 60_000)]


def open_channel(address: str) -> grpc.Channel:
    """Connect: with TLS and the certificate of this service, or in plain text on the own machine only."""
    files = [os.environ.get(f"LEADSYNC_TLS_{name}", "") for name in ("CA", "KEY", "CERT")]
    if not all(files):
        return grpc.insecure_channel(address, OPTIONS)
    ca, key, certificate = (Path(file).read_bytes() for file in files)
    named = [*OPTIONS, ("grpc.ssl_target_name_override", "lead-store")]  # whose certificate we expect, at any address
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(ca, key, certificate), named)


def reason_of(error: grpc.RpcError) -> str:
    """The stable reason of an error, such as `stale_etag`; empty if the service did not give one."""
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(error) if isinstance(error, grpc.Call) else None
    return info.reason if status and any(detail.Unpack(info) for detail in status.details) else ""


def get(leads: LeadServiceStub, lead_id: str) -> lead_pb2.Lead:
    """Read a lead."""
    return leads.GetLead(pb.GetLeadRequest(tenant_id=TENANT, lead_id=lead_id), timeout=SECONDS).lead


def update(lead: lead_pb2.Lead, values: lead_pb2.Lead, *paths: str) -> pb.UpdateLeadRequest:
    """Ask to set these fields of the lead, if it still is as it was read."""
    request = pb.UpdateLeadRequest(tenant_id=TENANT, lead_id=lead.lead_id, lead=values, etag=lead.etag)
    request.update_mask.paths.extend(paths)
    return request


def change(leads: LeadServiceStub, lead: lead_pb2.Lead, values: lead_pb2.Lead, *paths: str) -> lead_pb2.Lead:
    """Set fields of the lead as it was read. If others have changed it since, read it again and repeat."""
    while True:
        try:
            return leads.UpdateLead(update(lead, values, *paths), timeout=SECONDS).lead
        except grpc.RpcError as error:
            if reason_of(error) != "stale_etag":
                raise
        lead = get(leads, lead.lead_id)


def changes(leads: LeadServiceStub, token: str = "") -> Generator[pb.WatchLeadsResponse]:
    """Watch leads without end, after the change that gave `token`. A watch that breaks off goes on where it was."""
    pause = 0.1
    while True:
        watch = leads.WatchLeads(pb.WatchLeadsRequest(tenant_id=TENANT, resume_token=token))
        try:
            for answer in watch:
                token, pause = answer.resume_token, 0.1
                yield answer
        except grpc.RpcError as error:
            # resume_token_expired (OUT_OF_RANGE) is raised: list all leads again, then watch without a token.
            if error.code() not in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}:
                raise
            print("watch:", error.code().name, error.details(), file=sys.stderr)  # such as a refused certificate
        finally:
            watch.cancel()
        time.sleep(random.uniform(0, pause))  # noqa: S311 - no secret
        pause = min(pause * 2, 30)


def until(answers: Iterator[pb.WatchLeadsResponse], lead_id: str, job_title: str) -> str:
    """Read a watch until it shows this lead with this job title; return where to go on from."""
    for answer in answers:
        if answer.lead.lead_id == lead_id and answer.lead.job_title == job_title:
            return answer.resume_token
    raise AssertionError("a watch does not end")


def main() -> None:
    """Show it all on one lead; `python lead_client.py [address] [e-mail]`."""
    address, email = [*sys.argv[1:], "127.0.0.1:50051", "ada@example.com"][:2]
    with open_channel(address) as channel:
        leads = LeadServiceStub(channel)
        seen = changes(leads)
        token = next(seen).resume_token  # the first answer comes at once: from here on nothing is missed

        ada = lead_pb2.Lead(email=email, first_name="Ada", custom_fields={"plan": "pro"})
        create = pb.CreateLeadRequest(tenant_id=TENANT, request_id=str(uuid.uuid4()), lead=ada, actor="example")
        lead, again = (leads.CreateLead(create, timeout=SECONDS).lead for _ in range(2))
        print("created", lead.lead_id, "once" if again.lead_id == lead.lead_id else "twice")

        lead = get(leads, lead.lead_id)
        print("read", lead.email, lead.custom_fields["plan"])

        analyst, countess = lead_pb2.Lead(job_title="Analyst"), lead_pb2.Lead(job_title="Countess")
        print("changed", change(leads, lead, analyst, "job_title").job_title)
        try:
            leads.UpdateLead(update(lead, countess, "job_title"), timeout=SECONDS)  # with the etag from before
        except grpc.RpcError as error:
            print("refused", error.code().name, reason_of(error))

        listing = pb.ListLeadsRequest(tenant_id=TENANT, email=email, page_size=1)
        page = leads.ListLeads(listing, timeout=SECONDS)
        print("listed", len(page.leads), "last page" if not page.next_page_token else "more pages")

        token = until(seen, lead.lead_id, "Analyst")
        seen.close()
        print("watched", lead.lead_id)
        change(leads, lead, countess, "job_title")  # while nobody watches
        until(changes(leads, token), lead.lead_id, "Countess")
        print("resumed", lead.lead_id)


if __name__ == "__main__":
    main()
