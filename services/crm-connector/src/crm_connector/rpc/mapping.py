"""Between our types and `leadsync.integration.v1`, integrations apart; what all requests have is checked here."""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from leadsync.integration.v1 import integration_pb2, integration_service_pb2
from leadsync.sync.v1 import loop_pb2

from crm_connector.clients.mapping import message
from crm_connector.domain.capabilities import EventMode
from crm_connector.domain.errors import InvalidError
from crm_connector.domain.forecast import PlannedRecord
from crm_connector.domain.loops import LoopState
from crm_connector.domain.mapping import CrmField
from crm_connector.domain.run import Run, RunKind, RunState
from crm_connector.usecases.check import Check, CheckState
from crm_connector.usecases.webhooks import WebhookState

_RUN_KINDS = {kind: integration_pb2.RunKind.Value(f"RUN_KIND_{kind.name}") for kind in RunKind}
_RUN_STATES = {state: integration_pb2.RunState.Value(f"RUN_STATE_{state.name}") for state in RunState}
_CHECK_STATES = {state: integration_pb2.CheckState.Value(f"CHECK_STATE_{state.name}") for state in CheckState}
_MODES = {mode: integration_service_pb2.EventMode.Value(f"EVENT_MODE_{mode.name}") for mode in EventMode}
_MAX_ID, _MAX_REQUEST_ID = 128, 64
_DEFAULT_PAGE, _MAX_PAGE, _MAX_LEADS = 50, 200, 10_000


def webhook_state(state: WebhookState) -> integration_service_pb2.WebhookState:
    """Build the message of a webhook state."""
    subscriptions = [message(integration_service_pb2.Subscription, found) for found in state.subscriptions]
    return message(integration_service_pb2.WebhookState, state, subscriptions=subscriptions, mode=_MODES[state.mode])


def run(found: Run, now: datetime) -> integration_pb2.Run:
    """Build the message of a run, with its rate at this moment."""
    return message(
        integration_pb2.Run,
        found,
        kind=_RUN_KINDS[found.kind],
        state=_RUN_STATES[found.state],
        outcomes={name: count for name, count in found.outcomes.items() if count},
        rate=found.rate(now),
        forecast_at=found.forecast_at(now),
        proposed=None,
    )


def planned_record(found: PlannedRecord) -> integration_pb2.PlannedRecord:
    """Build the message of what a dry run found."""
    return message(integration_pb2.PlannedRecord, found)


def run_kind(value: Any) -> RunKind | None:
    """Read the kind of a filter; None = all."""
    for kind, number in _RUN_KINDS.items():
        if number == value:
            return kind
    if value:
        raise invalid("kind", "There is no such kind of run.")
    return None


def check(found: Check) -> integration_pb2.Check:
    """Build the message of a check."""
    return message(integration_pb2.Check, found, state=_CHECK_STATES[found.state])


def loop_state(found: LoopState) -> loop_pb2.LoopState:
    """Build the message of a standing loop."""
    at = {"last_success_at": found.succeeded_at, "last_error_at": found.failed_at}
    return message(loop_pb2.LoopState, found, name=found.loop.value, **at)


def crm_field(found: CrmField, mapped_to: str) -> integration_pb2.CrmField:
    """Build the message of a property."""
    options = [integration_pb2.CrmFieldOption(value=value, label=label) for value, label in found.options]
    return message(integration_pb2.CrmField, found, options=options, mapped_to=mapped_to)


def lead_ids(given: Sequence[str]) -> list[str]:
    """Check the leads of a push."""
    if len(given) > _MAX_LEADS:
        raise invalid("lead_ids", f"Name {_MAX_LEADS:,} leads at most, or none for all.")
    return [identifier(lead_id, "lead_ids") for lead_id in given]


def request_id(text: str) -> str:
    """Check the key of a repeatable call."""
    return bounded(text, "request_id", _MAX_REQUEST_ID)


def identifier(text: str, name: str) -> str:
    """Check a required id."""
    if not text:
        raise invalid(name, f"`{name}` is required.")
    return bounded(text, name, _MAX_ID)


def page_size(asked: int) -> int:
    """Read a page size: 0 is the default, too many are the most."""
    if asked < 0:
        raise invalid("page_size", "A page size cannot be negative.")
    return min(asked or _DEFAULT_PAGE, _MAX_PAGE)


def page_token(last_id: str) -> str:
    """Make the token of the page after this id."""
    return base64.urlsafe_b64encode(last_id.encode()).decode()


def page_start(token: str) -> str:
    """Read a page token; empty is the start."""
    try:
        return base64.urlsafe_b64decode(bounded(token, "page_token", 256).encode()).decode()
    except ValueError as error:
        raise invalid("page_token", "This is not a page token of ours.") from error


def bounded(text: str, name: str, limit: int) -> str:
    """Check the length of a text."""
    if len(text) > limit:
        raise invalid(name, f"`{name}` may have {limit} characters at most.")
    return text


def invalid(name: str, message: str) -> InvalidError:
    """Make the error of a field that cannot be right."""
    return InvalidError("invalid_field", message, field=name)
