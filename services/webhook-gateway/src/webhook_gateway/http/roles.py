"""Who may do what: the one table of roles. An operation that is in no line of it cannot be served."""

from enum import IntEnum


class Role(IntEnum):
    """What a caller may do; each role may do everything that the roles before it may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


# Without a token: signed by the CRM, or nothing to hide.
PUBLIC = frozenset({"receive_webhook", "webhook_ready", "livez", "readyz", "metrics", "openapi"})
# All that a port for webhooks serves.
DOORS = frozenset({"receive_webhook", "webhook_ready", "livez", "readyz"})
# The least role that each operation needs.
NEEDED: dict[Role, frozenset[str]] = {
    Role.VIEWER: frozenset(
        {
            *("list_events", "get_events", "list_leads", "get_lead", "list_lead_fields", "get_lead_field"),
            *("list_history", "list_conflicts"),
            *("list_matches", "list_duplicates", "list_work", "sync_status", "list_runs", "get_run", "list_plan"),
            *("list_integrations", "get_integration", "webhook_status", "check_integration", "list_fields"),
        }
    ),
    Role.OPERATOR: frozenset(
        {
            *("create_lead", "update_lead", "delete_lead", "resolve_conflict", "resolve_conflicts", "undo_decision"),
            *("pick_match", "redrive", "sync_leads", "start_import", "cancel_run"),
        }
    ),
    Role.ADMIN: frozenset(
        {
            *("create_integration", "update_integration", "delete_integration"),
            *("enable_webhooks", "disable_webhooks", "get_quarantine", "verify_again"),
            *("put_lead_field", "delete_lead_field"),
        }
    ),
}
_ROLES = {name: role for role, names in NEEDED.items() for name in names}


def role_of(operation: str) -> Role | None:
    """The least role that may use an operation; None = public. Raises KeyError if the table does not have it."""
    return None if operation in PUBLIC else _ROLES[operation]
