"""Which reasons an operation may give for an error, by status: groups that operations add up for `/openapi.json`."""

from collections.abc import Mapping

Reasons = Mapping[int, tuple[str, ...]]

CALLER: Reasons = {
    401: ("token_missing", "token_invalid", "token_expired", "token_revoked", "token_too_long"),
    403: ("role_too_low",),
    429: ("too_many_tries",),
}
PARAMETER: Reasons = {400: ("invalid_field",), 404: ("route_not_found",)}
QUERY: Reasons = {400: ("invalid_field",)}
PAGES: Reasons = {400: ("invalid_field", "page_token")}
BODY: Reasons = {400: ("invalid_field", "malformed_json"), 413: ("body_too_large",)}
STALE: Reasons = {409: ("stale_etag",)}
STORE: Reasons = {500: ("internal",), 503: ("store_unavailable", "disk_full", "contended", "deadline_exceeded")}
CONNECTOR: Reasons = {
    500: ("internal",),
    501: ("not_implemented",),
    503: ("connector_unavailable", "store_unavailable", "deadline_exceeded", "stopping"),
}
CRM: Reasons = {
    400: (
        *("crm_auth_failed", "crm_auth_expired", "missing_scopes", "crm_refused", "credential_unreadable"),
        *("oauth_not_configured", "developer_key_refused", "property_conflict", "credential_not_supported"),
    ),
    429: ("rate_limited", "daily_limit"),
    503: (
        *("crm_unavailable", "crm_timeout", "crm_error", "crm_locked", "crm_migrating"),
        *("crm_answer_unreadable", "crm_answer_too_large"),
    ),
}
SETTINGS: Reasons = {
    400: (
        *("invalid_field_mapping", "invalid_field_rules", "invalid_field_transforms"),
        *("account_mismatch", "other_app", "unknown_provider"),
    )
}
LEAD_VALUES: Reasons = {
    400: (
        *("no_name", "invalid_email", "not_a_number", "number_too_long", "not_a_boolean", "not_a_date"),
        *("not_a_datetime", "not_an_option", "too_many_choices"),
    )
}
NO_LEAD: Reasons = {404: ("lead_not_found",)}
NO_INTEGRATION: Reasons = {404: ("integration_not_found",)}
NO_PROVIDER: Reasons = {404: ("unknown_provider",)}
