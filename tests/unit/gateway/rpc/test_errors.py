"""What a service's error becomes over HTTP."""

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from webhook_gateway.problem import Fault
from webhook_gateway.rpc.errors import ServiceProblem, from_rpc_error


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_every_code_has_a_status(code: grpc.StatusCode) -> None:
    """Every gRPC code but OK becomes an HTTP error; a code that is not expected is our own fault."""
    assert 400 <= ServiceProblem(code, "", "").status <= 503
    lost, internal = (ServiceProblem(code, "", "") for code in (grpc.StatusCode.DATA_LOSS, grpc.StatusCode.INTERNAL))
    assert lost.status == internal.status == 500


def test_a_refused_certificate_is_no_fault_of_the_person_who_asked() -> None:
    """PERMISSION_DENIED is between services: nobody is told that they lack a right, or that they should sign in."""
    denied = ServiceProblem(grpc.StatusCode.PERMISSION_DENIED, "caller_not_allowed", "ListLeads is for webhook-gateway")

    assert (denied.status, denied.reason) == (500, "caller_not_allowed")


def test_a_services_error_becomes_a_problem() -> None:
    """Reason, message, fields and the time to wait of a service's error are all in the answer."""
    problem = ServiceProblem(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "crm_rate_limited", "wait", (Fault("phone", "is wrong"),), 2.4
    )
    assert (problem.status, problem.reason, problem.detail) == (429, "crm_rate_limited", "wait")
    assert problem.headers["retry-after"] == "2"
    assert [fault.field for fault in problem.errors] == ["phone"]


def failed(field: str, text: str) -> ServiceProblem:
    """What the answer of a service that names a wrong field becomes."""
    details = [any_pb2.Any(), any_pb2.Any()]
    details[0].Pack(error_details_pb2.ErrorInfo(reason="invalid_field", domain="leadsync"))
    violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=text)
    details[1].Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    status = status_pb2.Status(code=3, message=text, details=details)
    metadata = grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString()))
    code = grpc.StatusCode.INVALID_ARGUMENT
    return from_rpc_error(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details=text), "store")


def test_the_text_for_people_names_the_field() -> None:
    """A service's message alone does not say which field it is about."""
    problem = failed("field.options[1]", "is there twice")
    assert problem.detail == "options[1]: is there twice"
    assert problem.errors == (Fault("options[1]", "is there twice"),)


def test_a_custom_field_in_a_text_is_spelt_as_over_http() -> None:
    """Services write `custom_fields.`, callers `customFields.`."""
    problem = failed("field_rules.custom_fields.a_b", "`custom_fields.a_b` is not mapped")
    assert problem.detail == "fieldRules.customFields.a_b: `customFields.a_b` is not mapped"
