"""What a service's error becomes over HTTP."""

import grpc
import pytest
from webhook_gateway.problem import Fault
from webhook_gateway.rpc.errors import ServiceProblem


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_every_code_has_a_status(code: grpc.StatusCode) -> None:
    """Every gRPC code but OK becomes an HTTP error; a code that is not expected is our own fault."""
    assert 400 <= ServiceProblem(code, "", "").status <= 503
    lost, internal = (ServiceProblem(code, "", "") for code in (grpc.StatusCode.DATA_LOSS, grpc.StatusCode.INTERNAL))
    assert lost.status == internal.status == 500


def test_a_services_error_becomes_a_problem() -> None:
    """Reason, message, fields and the time to wait of a service's error are all in the answer."""
    problem = ServiceProblem(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "crm_rate_limited", "wait", (Fault("phone", "is wrong"),), 2.4
    )
    assert (problem.status, problem.reason, problem.detail) == (429, "crm_rate_limited", "wait")
    assert problem.headers["retry-after"] == "2"
    assert [fault.field for fault in problem.errors] == ["phone"]
