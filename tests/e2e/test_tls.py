"""The whole suite with TLS between its programs: `LEADSYNC_TLS=on`."""

import json
from collections.abc import Callable

import grpc
import pytest
from e2e.harness import Suite, body_of, eventually, leadsync
from leadsync.lead.v1 import lead_service_pb2, lead_service_pb2_grpc

WITHIN = 20.0


@pytest.mark.timeout(240)
def test_changes_flow_both_ways_with_tls_and_while_certificates_are_renewed(
    suite: Suite, person: Callable[[str], str]
) -> None:
    """Records cross in both directions, before and after a renewal, also to a service that was killed meanwhile."""
    for moment in ("before", "after"):
        there, here = person(f"{moment}-from-hubspot"), person(f"{moment}-from-platform")
        suite.hubspot.create_contact({"email": there, "firstname": "Grace"})
        body_of(suite.api.post("/leads", json={"email": here, "firstName": "Ada"}), 201)
        eventually(lambda there=there: suite.leads(there), WITHIN, "the lead")  # type: ignore[misc]  # its default
        eventually(lambda here=here: suite.contacts(here), WITHIN, "the contact")  # type: ignore[misc]  # as above
        if moment == "before":
            renewed = leadsync(suite, "certs", "--force", "--json")
            states = {one["file"]: one["state"] for one in json.loads(renewed.stdout)["certificates"]}
            assert (states["ca.crt"], states["lead-store/tls.crt"]) == ("kept", "renewed")
            suite.wait_restarted("lead-store", suite.kill("lead-store"))


def test_lead_store_takes_no_plaintext(suite: Suite) -> None:
    """A call without a certificate gets no answer, although it comes from this machine."""
    port = suite.background.environment["LEAD_STORE_PORT"]
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = lead_service_pb2_grpc.LeadServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.ListLeads(lead_service_pb2.ListLeadsRequest(tenant_id="default"), timeout=60)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
