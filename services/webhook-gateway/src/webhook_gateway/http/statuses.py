"""The tables gRPC code → HTTP status, and status → reasons. Reasons are the services' own, or the gateway's."""

from collections.abc import Mapping

import grpc

HTTP_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 500,  # between services, so nothing that the caller could mend
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 503,
    grpc.StatusCode.CANCELLED: 503,
}


def http_status(code: grpc.StatusCode) -> int:
    """Translate; what is not in the table is our own fault: 500."""
    return HTTP_STATUS.get(code, 500)


# Which reasons an operation may give, by status; rows of the table of routes add these up.
Reasons = Mapping[int, tuple[str, ...]]

CALLER: Reasons = {401: ("token_missing", "token_invalid", "token_expired"), 403: ("role_too_low",)}
PARAMETER: Reasons = {400: ("invalid_field",), 404: ("route_not_found",)}
QUERY: Reasons = {400: ("invalid_field",)}
PAGES: Reasons = {400: ("invalid_field", "page_token")}
BODY: Reasons = {400: ("invalid_field", "malformed_json"), 413: ("body_too_large",)}
STALE: Reasons = {409: ("stale_etag",)}
STORE: Reasons = {500: ("internal",), 503: ("store_unavailable", "contended", "deadline_exceeded")}
CONNECTOR: Reasons = {
    500: ("internal",),
    501: ("not_implemented",),
    503: ("connector_unavailable", "store_unavailable", "deadline_exceeded", "stopping"),
}
CRM: Reasons = {
    400: (
        *("crm_auth_failed", "crm_auth_expired", "missing_scopes", "crm_refused", "credential_unreadable"),
        *("oauth_not_configured", "developer_key_refused", "property_conflict"),
    ),
    429: ("rate_limited", "daily_limit"),
    503: ("crm_unavailable", "crm_timeout", "crm_error", "crm_answer_unreadable", "crm_locked", "crm_migrating"),
}
SETTINGS: Reasons = {
    400: (
        *("invalid_field_mapping", "invalid_field_rules", "invalid_field_transforms"),
        *("account_mismatch", "unknown_provider"),
    )
}
LEAD_VALUES: Reasons = {400: ("no_name", "invalid_email")}
NO_LEAD: Reasons = {404: ("lead_not_found",)}
NO_SURVIVOR: Reasons = {400: ("survivor_deleted",)}
NO_CONFLICT: Reasons = {404: ("lead_not_found", "conflict_not_found")}
NO_MATCH: Reasons = {404: ("integration_not_found", "match_not_found")}
PICK: Reasons = {400: ("pair_busy", "direction")}
NO_DECISION: Reasons = {404: ("decision_not_found", "lead_not_found")}
UNDO: Reasons = {400: ("undo_too_late", "nothing_to_undo", "changed_since")}
NO_INTEGRATION: Reasons = {404: ("integration_not_found",)}
NO_RUN: Reasons = {404: ("run_not_found",)}
NO_DELIVERY: Reasons = {404: ("delivery_not_found",)}
RUNNING: Reasons = {400: ("run_in_progress", "direction")}
CONNECTED: Reasons = {409: ("account_connected",)}
NO_PLAN: Reasons = {400: ("not_a_dry_run",)}
NO_PROVIDER: Reasons = {404: ("unknown_provider",)}
DOOR: Reasons = {
    400: ("malformed_json", "not_an_event_array", "body_incomplete"),
    401: ("signature_missing", "signature_invalid", "signature_stale", "app_mismatch"),
    408: ("body_timeout",),
    413: ("body_too_large",),
    429: ("account_over_quota",),
    503: ("webhooks_not_configured", "intake_full", "queue_timeout", "delivery_refused", "answer_mismatch", "internal"),
}
