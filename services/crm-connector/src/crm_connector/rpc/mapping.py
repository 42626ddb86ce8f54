"""Between our types and `leadsync.integration.v1`; requests are checked here."""

import base64
from collections.abc import Iterable
from typing import Any

from leadsync.integration.v1 import integration_pb2, integration_service_pb2
from leadsync.sync.v1 import sync_pb2

from crm_connector.domain.errors import InvalidError
from crm_connector.domain.integration import Credential, CredentialKind, Direction, FieldRule, Integration
from crm_connector.rpc.sync_mapping import BLANK_RULES, DIRECTIONS, MERGE_RULES, field_rule, moment
from crm_connector.usecases.integrations import Changes, NewIntegration, OAuthCode
from crm_connector.usecases.webhooks import WebhookState

_KINDS = {
    CredentialKind.ACCESS_TOKEN: integration_pb2.CREDENTIAL_KIND_ACCESS_TOKEN,
    CredentialKind.OAUTH: integration_pb2.CREDENTIAL_KIND_OAUTH,
}
_MAX_SECRET, _MAX_ID, _MAX_REQUEST_ID = 4_096, 128, 64
_DEFAULT_PAGE, _MAX_PAGE = 50, 200


def integration(found: Integration) -> integration_pb2.Integration:
    """Build the message; no secret is part of it."""
    return integration_pb2.Integration(
        integration_id=found.integration_id,
        tenant_id=found.tenant_id,
        provider=found.provider,
        account_id=found.account_id,
        app_id=found.app_id,
        credential_kind=_KINDS[found.credential_kind],
        direction=DIRECTIONS[found.direction],
        field_mapping=dict(found.mapping),
        field_rules=[field_rule(rule) for rule in found.rules],
        paused=found.paused,
        webhooks_enabled=found.webhooks_enabled,
        etag=found.etag,
        created_at=moment(found.created_at),
    )


def webhook_state(state: WebhookState) -> integration_service_pb2.WebhookState:
    """Build the message of a webhook state."""
    return integration_service_pb2.WebhookState(
        enabled=state.enabled,
        url=state.url,
        subscriptions=[
            integration_service_pb2.Subscription(
                subscription_id=s.subscription_id, event=s.event, property=s.property, active=s.active
            )
            for s in state.subscriptions
        ],
        managed=state.managed,
        instructions=state.instructions,
        events=state.events,
    )


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
        request_id=_bounded(request.request_id, "request_id", _MAX_REQUEST_ID),
        account_id=_bounded(request.account_id, "account_id", _MAX_ID),
        app_id=_bounded(request.app_id, "app_id", _MAX_ID),
        mapping=dict(wished.field_mapping),
        rules=_rules(wished.field_rules),
        paused=wished.paused,
    )


def changes(request: integration_service_pb2.UpdateIntegrationRequest) -> Changes:
    """Read the masked changes.

    Raises:
        InvalidError: `invalid_field` for an unknown path, a missing mask or two credentials.

    """
    wished, known = request.integration, {"direction", "field_mapping", "field_rules", "paused"}
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
    for message in messages:
        if message.rule not in merge or message.blank not in blank:
            raise _invalid("field_rules", "There is no such rule.")
        rules.append(FieldRule(message.field, merge[message.rule], blank[message.blank]))
    return tuple(rules)


def _bounded(text: str, name: str, limit: int) -> str:
    if len(text) > limit:
        raise _invalid(name, f"`{name}` may have {limit} characters at most.")
    return text


def _invalid(name: str, message: str) -> InvalidError:
    return InvalidError("invalid_field", message, field=name)
