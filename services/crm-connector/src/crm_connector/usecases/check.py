"""One finding of the doctor, and what to do about an error."""

from dataclasses import dataclass
from enum import Enum

_WAIT = "Nothing: leadsync tries again by itself. Look at the CRM's status page if it lasts."
FIXES = {
    "crm_auth_failed": "Make a new token in the CRM and set it as the integration's credential.",
    "crm_auth_expired": _WAIT,
    "crm_unavailable": _WAIT,
    "crm_timeout": _WAIT,
    "crm_error": _WAIT,
    "crm_migrating": _WAIT,
    "rate_limited": _WAIT,
    "daily_limit": "Wait until the CRM's day ends, or raise the API limit of the account.",
    "credential_unreadable": "Restore the key in LEADSYNC_SECRET_KEY, or set the integration's credential again.",
}


class CheckState(Enum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One check; `fix` is empty if there is nothing to do. `reason` is that of the error behind it, if there is one."""

    name: str
    state: CheckState
    finding: str
    fix: str = ""
    reason: str = ""
