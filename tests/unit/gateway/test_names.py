import grpc
import pytest
from webhook_gateway.clients.errors import RemoteError, Violation
from webhook_gateway.clients.names import inner_field, outer_field, outer_path
from webhook_gateway.http.problems import Problem, from_remote
from webhook_gateway.http.reading import read
from webhook_gateway.http.statuses import http_status
from webhook_gateway.model.basics import LeadField

LEAD_FIELDS = ("email", "firstName", "lastName", "phone", "company", "jobTitle", "website", "status")


@pytest.mark.parametrize("name", [*LEAD_FIELDS, "customFields.any_Name_1"])
def test_field_names_go_round(name: str) -> None:
    """Every lead field has one name inside and one outside; a custom field's own name is never respelt."""
    assert read(name, LeadField) == name
    assert outer_field(inner_field(name)) == name


@pytest.mark.parametrize(
    "name", ["", "first_name", "customFields.", "customFields.a.b", "customFields.a b", "id", "links"]
)
def test_other_names_are_no_fields(name: str) -> None:
    """What is no lead field cannot be mapped."""
    with pytest.raises(Problem):
        read(name, LeadField)


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        ("lead.first_name", "firstName"),
        ("lead.custom_fields.snake_name", "customFields.snake_name"),
        ("integration.field_mapping.job_title", "fieldMapping.jobTitle"),
        ("integration.field_rules.custom_fields.a_b", "fieldRules.customFields.a_b"),
        ("integration.deletions.cap_percent", "policies.deletions.capPercent"),
        ("field_transforms.custom_fields.a_b[0].options", "fieldTransforms.customFields.a_b[0].options"),
        ("field_transforms.first_name[1]", "fieldTransforms.firstName[1]"),
        ("match_keys", "policies.matching.keys"),
        ("phone_region", "policies.matching.phoneRegion"),
        ("lead_ids[3]", "leadIds[3]"),
        ("account_id", "portalId"),
        ("page_token", "pageToken"),
    ],
)
def test_paths_of_services_are_respelt(inner: str, outer: str) -> None:
    """A field path of a service's answer reads as the caller wrote it."""
    assert outer_path(inner) == outer


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_every_code_has_a_status(code: grpc.StatusCode) -> None:
    """Every gRPC code but OK becomes an HTTP error; what nobody expects is our own fault."""
    assert 400 <= http_status(code) <= 503
    assert http_status(grpc.StatusCode.DATA_LOSS) == http_status(grpc.StatusCode.INTERNAL) == 500


def test_a_services_error_becomes_a_problem() -> None:
    """Reason, message, fields and the time to wait of a service's error are all in the answer."""
    error = RemoteError(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "crm_rate_limited", "wait", (Violation("lead.phone", "is wrong"),), 2.4
    )
    problem = from_remote(error)
    assert (problem.status, problem.reason, problem.detail) == (429, "crm_rate_limited", "wait")
    assert problem.headers["retry-after"] == "2"
    assert [fault.field for fault in problem.errors] == ["phone"]
