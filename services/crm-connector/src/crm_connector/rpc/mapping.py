"""Between our types and `leadsync.integration.v1`; requests are checked here."""

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from leadsync.integration.v1 import integration_pb2, integration_service_pb2
from leadsync.sync.v1 import sync_pb2

from crm_connector.clients.mapping import (
    BLANK_RULES,
    DELETE_POLICIES,
    DIRECTIONS,
    MERGE_RULES,
    deletions,
    field_rule,
    message,
)
from crm_connector.domain.errors import InvalidError
from crm_connector.domain.integration import Credential, CredentialKind, Deletions, Direction, FieldRule, Integration
from crm_connector.domain.mapping import CrmField
from crm_connector.domain.run import Run, RunKind, RunState
from crm_connector.usecases.doctor import Check, CheckState
from crm_connector.usecases.integrations import Changes, NewIntegration, OAuthCode
from crm_connector.usecases.webhooks import WebhookState

_KINDS = {kind: integration_pb2.CredentialKind.Value(f"CREDENTIAL_KIND_{kind.name}") for kind in CredentialKind}
_RUN_KINDS = {kind: integration_pb2.RunKind.Value(f"RUN_KIND_{kind.name}") for kind in RunKind}
_RUN_STATES = {state: integration_pb2.RunState.Value(f"RUN_STATE_{state.name}") for state in RunState}
_CHECK_STATES = {state: integration_pb2.CheckState.Value(f"CHECK_STATE_{state.name}") for state in CheckState}
_MAX_SECRET, _MAX_ID, _MAX_REQUEST_ID = 4_096, 128, 64
_MAX_GRACE = 30 * 24 * 3600  # seconds
_DEFAULT_PAGE, _MAX_PAGE, _MAX_LEADS = 50, 200, 10_000


def integration(found: Integration) -> integration_pb2.Integration:
    """Build the message; no secret is part of it."""
    return message(
        integration_pb2.Integration,
        found,
        credential_kind=_KINDS[found.credential_kind],
        direction=DIRECTIONS[found.direction],
        field_mapping=dict(found.mapping),
        field_rules=[field_rule(rule) for rule in found.rules],
        deletions=deletions(found.deletions),
    )


def webhook_state(state: WebhookState) -> integration_service_pb2.WebhookState:
    """Build the message of a webhook state."""
    subscriptions = [message(integration_service_pb2.Subscription, found) for found in state.subscriptions]
    return message(integration_service_pb2.WebhookState, state, subscriptions=subscriptions)


def run(found: Run, now: datetime) -> integration_pb2.Run:
    """Build the message of a run; how fast it is counts at this moment."""
    return message(
        integration_pb2.Run,
        found,
        kind=_RUN_KINDS[found.kind],
        state=_RUN_STATES[found.state],
        outcomes={name: count for name, count in found.outcomes.items() if count},
        rate=found.rate(now),
        forecast_at=found.forecast_at(now),
    )


def run_kind(value: Any) -> RunKind | None:
    """Read the kind of a filter; None = all."""
    for kind, number in _RUN_KINDS.items():
        if number == value:
            return kind
    if value:
        raise _invalid("kind", "There is no such kind of run.")
    return None


def check(found: Check) -> integration_pb2.Check:
    """Build the message of a check."""
    return message(integration_pb2.Check, found, state=_CHECK_STATES[found.state])


def crm_field(found: CrmField, mapped_to: str) -> integration_pb2.CrmField:
    """Build the message of a property."""
    options = [integration_pb2.CrmFieldOption(value=value, label=label) for value, label in found.options]
    return message(integration_pb2.CrmField, found, options=options, mapped_to=mapped_to)


def lead_ids(given: Sequence[str]) -> list[str]:
    """Check the leads of a push."""
    if len(given) > _MAX_LEADS:
        raise _invalid("lead_ids", f"Name {_MAX_LEADS:,} leads at most, or none for all.")
    return [identifier(lead_id, "lead_ids") for lead_id in given]


def request_id(text: str) -> str:
    """Check the key of a repeatable call."""
    return _bounded(text, "request_id", _MAX_REQUEST_ID)


def new_integration(request: integration_service_pb2.CreateIntegrationRequest) -> NewIntegration:
    """Read a wish to connect.

    Raises:
        InvalidError: `invalid_field`, naming it.

    """
    wished = request.integration
    return NewIntegration(
        tenant_id=identifier(request.tenant_id, "tenant_id"),
        provider=identifier(request.provider, "provider"),
        credential=_credential(request),
        direction=_direction(wished.direction),
        request_id=request_id(request.request_id),
        account_id=_bounded(request.account_id, "account_id", _MAX_ID),
        app_id=_bounded(request.app_id, "app_id", _MAX_ID),
        mapping=dict(wished.field_mapping),
        rules=_rules(wished.field_rules),
        deletions=_deletions(wished.deletions),
        paused=wished.paused,
    )


def changes(request: integration_service_pb2.UpdateIntegrationRequest) -> Changes:
    """Read the masked changes.

    Raises:
        InvalidError: `invalid_field` for an unknown path, a missing mask or two credentials.

    """
    wished, known = request.integration, {"direction", "field_mapping", "field_rules", "paused", "deletions"}
    paths = set(request.update_mask.paths)
    if unknown := sorted(paths - known):
        raise _invalid(
            "update_mask", f"`{unknown[0][:80]}` cannot be changed. Known paths: {', '.join(sorted(known))}."
        )
    if request.access_token and request.refresh_token:
        raise _invalid("refresh_token", "Give one credential, not two.")
    credential = None
    if request.access_token:
        credential = _secret(CredentialKind.ACCESS_TOKEN, request.access_token, "access_token")
    if request.refresh_token:
        credential = _secret(CredentialKind.OAUTH, request.refresh_token, "refresh_token")
    if not paths and credential is None:
        raise _invalid("update_mask", "Name what to change.")
    return Changes(
        direction=_direction(wished.direction) if "direction" in paths else None,
        mapping=dict(wished.field_mapping) if "field_mapping" in paths else None,
        rules=_rules(wished.field_rules) if "field_rules" in paths else None,
        paused=wished.paused if "paused" in paths else None,
        deletions=_deletions(wished.deletions) if "deletions" in paths else None,
        credential=credential,
    )


def identifier(text: str, name: str) -> str:
    """Check a required id."""
    if not text:
        raise _invalid(name, f"`{name}` is required.")
    return _bounded(text, name, _MAX_ID)


def page_size(asked: int) -> int:
    """Read a page size: 0 is the default, too many are the most."""
    if asked < 0:
        raise _invalid("page_size", "A page size cannot be negative.")
    return min(asked or _DEFAULT_PAGE, _MAX_PAGE)


def page_token(last_id: str) -> str:
    """Make the token of the page after this id."""
    return base64.urlsafe_b64encode(last_id.encode()).decode()


def page_start(token: str) -> str:
    """Read a page token; empty is the start."""
    try:
        return base64.urlsafe_b64decode(_bounded(token, "page_token", 256).encode()).decode()
    except ValueError as error:
        raise _invalid("page_token", "This is not a page token of ours.") from error


def _credential(request: integration_service_pb2.CreateIntegrationRequest) -> Credential | OAuthCode:
    match request.WhichOneof("credential"):
        case "access_token":
            return _secret(CredentialKind.ACCESS_TOKEN, request.access_token, "access_token")
        case "refresh_token":
            return _secret(CredentialKind.OAUTH, request.refresh_token, "refresh_token")
        case "authorization_code":
            given = request.authorization_code
            name = "authorization_code"
            if not (given.code and given.redirect_uri):
                raise _invalid(name, "An authorization code needs its code and its redirect_uri.")
            return OAuthCode(_bounded(given.code, name, _MAX_SECRET), _bounded(given.redirect_uri, name, _MAX_SECRET))
        case _:
            raise _invalid("access_token", "Give an access token, a refresh token or an authorization code.")


def _secret(kind: CredentialKind, secret: str, name: str) -> Credential:
    """Check a secret: it has to fit into a header."""
    if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise _invalid(name, "This is not a token: it is empty, or has spaces or strange characters.")
    return Credential(kind, _bounded(secret, name, _MAX_SECRET))


def _direction(value: Any) -> Direction:
    for direction, number in DIRECTIONS.items():
        if number == value:
            return direction
    raise _invalid("direction", "Say which way changes may flow: to_crm, from_crm or bidirectional.")


def _rules(messages: Iterable[sync_pb2.FieldRule]) -> tuple[FieldRule, ...]:
    merge = {number: rule for rule, number in MERGE_RULES.items()}
    blank = {number: rule for rule, number in BLANK_RULES.items()}
    rules = []
    for given in messages:
        if given.rule not in merge or given.blank not in blank:
            raise _invalid("field_rules", "There is no such rule.")
        rules.append(FieldRule(given.field, merge[given.rule], blank[given.blank]))
    return tuple(rules)


def _deletions(given: sync_pb2.Deletions) -> Deletions:
    policies = {number: policy for policy, number in DELETE_POLICIES.items()}
    numbers = (given.grace_seconds, given.cap_number, given.cap_percent)
    if given.policy not in policies:
        raise _invalid("deletions.policy", "There is no such policy.")
    if min(numbers) < 0 or given.cap_percent > 100 or given.grace_seconds > _MAX_GRACE:
        raise _invalid("deletions", "Numbers are not negative, a grace is at most 30 days, a share at most 100.")
    return Deletions(policies[given.policy], *numbers)


def _bounded(text: str, name: str, limit: int) -> str:
    if len(text) > limit:
        raise _invalid(name, f"`{name}` may have {limit} characters at most.")
    return text


def _invalid(name: str, message: str) -> InvalidError:
    return InvalidError("invalid_field", message, field=name)
