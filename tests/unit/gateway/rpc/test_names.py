import pytest
from webhook_gateway.http.requests import read
from webhook_gateway.problem import Problem
from webhook_gateway.rpc.names import LeadField, contract_field, http_field, http_path

LEAD_FIELDS = ("email", "firstName", "lastName", "phone", "company", "jobTitle", "website", "status")


@pytest.mark.parametrize("name", [*LEAD_FIELDS, "customFields.any_Name_1"])
def test_field_names_go_round(name: str) -> None:
    """Every lead field has one name in the contracts and one over HTTP; the name of a custom field stays as it is."""
    assert read(name, LeadField) == name
    assert http_field(contract_field(name)) == name


@pytest.mark.parametrize(
    "name", ["", "first_name", "customFields.", "customFields.a.b", "customFields.a b", "id", "links"]
)
def test_other_names_are_no_fields(name: str) -> None:
    """What is no lead field cannot be mapped."""
    with pytest.raises(Problem):
        read(name, LeadField)


@pytest.mark.parametrize(
    ("contract", "http"),
    [
        ("lead.first_name", "firstName"),
        ("lead.custom_fields.snake_name", "customFields.snake_name"),
        ("integration.field_mapping.job_title", "fieldMapping.jobTitle"),
        ("integration.policy.direction", "direction"),
        ("integration.policy.fields.custom_fields.a_b", "fieldRules.customFields.a_b"),
        ("policy.fields.job_title.rule", "fieldRules.jobTitle.rule"),
        ("proposed.policy.fields.job_title", "proposed.fieldRules.jobTitle"),
        ("integration.policy.deletions.cap_percent", "policies.deletions.capPercent"),
        ("policy.matching.phone_region", "policies.matching.phoneRegion"),
        ("policy.matching.keys[1]", "policies.matching.keys[1]"),
        ("field.options[1]", "options[1]"),
        ("field_transforms.custom_fields.a_b[0].options", "fieldTransforms.customFields.a_b[0].options"),
        ("field_transforms.first_name[1]", "fieldTransforms.firstName[1]"),
        ("lead_ids[3]", "leadIds[3]"),
        ("account_id", "portalId"),
        ("page_token", "pageToken"),
    ],
)
def test_paths_of_services_are_translated(contract: str, http: str) -> None:
    """A field path of a service's answer reads as the caller wrote it."""
    assert http_path(contract) == http
