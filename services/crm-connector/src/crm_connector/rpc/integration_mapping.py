"""Between integrations and `leadsync.integration.v1`: settings in and out, each checked for what it is."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from leadsync.integration.v1 import integration_pb2, integration_service_pb2
from leadsync.sync.v1 import sync_pb2

from crm_connector.clients.mapping import (
    BLANK_RULES,
    DELETE_POLICIES,
    DIRECTIONS,
    MATCH_KEYS,
    MERGE_RULES,
    RECORD_POLICIES,
    deletions,
    field_rule,
    message,
)
from crm_connector.domain.changes import Changes, NewIntegration, OAuthCode
from crm_connector.domain.integration import (
    Credential,
    CredentialKind,
    Deletions,
    Direction,
    FieldRule,
    Integration,
    MatchKey,
    check_region,
)
from crm_connector.domain.transforms import Transform, TransformKind
from crm_connector.rpc.mapping import bounded, identifier, invalid, request_id

_KINDS = {kind: integration_pb2.CredentialKind.Value(f"CREDENTIAL_KIND_{kind.name}") for kind in CredentialKind}
_TRANSFORMS = {kind: integration_pb2.TransformKind.Value(f"TRANSFORM_KIND_{kind.name}") for kind in TransformKind}
# What decides what becomes of a record, and what can be changed besides.
_DECIDING = ("direction", "field_mapping", "field_rules", "field_transforms", "match_keys", "phone_region")
_PATHS = (*_DECIDING, "paused", "deletions")
_MAX_SECRET, _MAX_ID = 4_096, 128
_MAX_GRACE = 30 * 24 * 3600  # seconds


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
        field_transforms=[
            integration_pb2.FieldTransforms(field=field, transforms=[_transform(step) for step in steps])
            for field, steps in sorted(found.transforms.items())
        ],
        match_keys=[MATCH_KEYS[key] for key in found.match_keys],
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
        request_id=request_id(request.request_id),
        account_id=bounded(request.account_id, "account_id", _MAX_ID),
        app_id=bounded(request.app_id, "app_id", _MAX_ID),
        mapping=dict(wished.field_mapping),
        rules=_rules(wished.field_rules),
        deletions=_deletions(wished.deletions),
        paused=wished.paused,
        transforms=_transforms(wished.field_transforms),
        match_keys=_match_keys(wished.match_keys),
        phone_region=check_region(wished.phone_region),
    )


def changes(request: integration_service_pb2.UpdateIntegrationRequest) -> Changes:
    """Read the masked changes.

    Raises:
        InvalidError: `invalid_field` for an unknown path, a missing mask or two credentials.

    """
    wished, paths = request.integration, set(request.update_mask.paths)
    if unknown := sorted(paths - set(_PATHS)):
        raise invalid("update_mask", f"`{unknown[0][:80]}` cannot be changed. Known paths: {', '.join(_PATHS)}.")
    if request.access_token and request.refresh_token:
        raise invalid("refresh_token", "Give one credential, not two.")
    credential = None
    if request.access_token:
        credential = _secret(CredentialKind.ACCESS_TOKEN, request.access_token, "access_token")
    if request.refresh_token:
        credential = _secret(CredentialKind.OAUTH, request.refresh_token, "refresh_token")
    if not paths and credential is None:
        raise invalid("update_mask", "Name what to change.")
    return replace(_masked(wished, paths), credential=credential)


def proposed(wished: integration_pb2.Integration, paths: Sequence[str]) -> Changes:
    """Read settings that a dry run is to be made with: these, or all that decide what becomes of a record.

    Raises:
        InvalidError: as for `changes`.

    """
    if unknown := sorted(set(paths) - set(_DECIDING)):
        raise invalid("proposed_mask", f"`{unknown[0][:80]}` cannot be tried out. Known paths: {', '.join(_DECIDING)}.")
    return _masked(wished, set(paths or _DECIDING))


def _masked(wished: integration_pb2.Integration, paths: Set[str]) -> Changes:
    """Read the settings that the paths name."""
    return Changes(
        direction=_direction(wished.direction) if "direction" in paths else None,
        mapping=dict(wished.field_mapping) if "field_mapping" in paths else None,
        rules=_rules(wished.field_rules) if "field_rules" in paths else None,
        transforms=_transforms(wished.field_transforms) if "field_transforms" in paths else None,
        match_keys=_match_keys(wished.match_keys) if "match_keys" in paths else None,
        phone_region=check_region(wished.phone_region) if "phone_region" in paths else None,
        paused=wished.paused if "paused" in paths else None,
        deletions=_deletions(wished.deletions) if "deletions" in paths else None,
    )


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
                raise invalid(name, "An authorization code needs its code and its redirect_uri.")
            return OAuthCode(bounded(given.code, name, _MAX_SECRET), bounded(given.redirect_uri, name, _MAX_SECRET))
        case _:
            raise invalid("access_token", "Give an access token, a refresh token or an authorization code.")


def _secret(kind: CredentialKind, secret: str, name: str) -> Credential:
    """Check a secret: it has to fit into a header."""
    if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise invalid(name, "This is not a token: it is empty, or has spaces or strange characters.")
    return Credential(kind, bounded(secret, name, _MAX_SECRET))


def _direction(value: Any) -> Direction:
    for direction, number in DIRECTIONS.items():
        if number == value:
            return direction
    raise invalid("direction", "Say which way changes may flow: to_crm, from_crm or bidirectional.")


def _rules(messages: Iterable[sync_pb2.FieldRule]) -> tuple[FieldRule, ...]:
    merge = {number: rule for rule, number in MERGE_RULES.items()}
    blank = {number: rule for rule, number in BLANK_RULES.items()}
    rules = []
    for given in messages:
        if given.rule not in merge or given.blank not in blank:
            raise invalid("field_rules", "There is no such rule.")
        direction = _direction(given.direction) if given.direction else Direction.BIDIRECTIONAL
        rules.append(FieldRule(given.field, merge[given.rule], blank[given.blank], direction))
    return tuple(rules)


def _transform(step: Transform) -> integration_pb2.Transform:
    options = [integration_pb2.OptionPair(crm=crm, value=value) for crm, value in step.options]
    return integration_pb2.Transform(kind=_TRANSFORMS[step.kind], region=step.region, options=options)


def _transforms(messages: Iterable[integration_pb2.FieldTransforms]) -> Mapping[str, tuple[Transform, ...]]:
    kinds = {number: kind for kind, number in _TRANSFORMS.items()}
    found: dict[str, tuple[Transform, ...]] = {}
    for given in messages:
        path = f"field_transforms.{given.field[:80]}"
        if given.field in found or any(step.kind not in kinds for step in given.transforms):
            raise invalid(path, "The field is named twice, or a step has no kind.")
        found[given.field] = tuple(
            Transform(kinds[step.kind], step.region, tuple((pair.crm, pair.value) for pair in step.options))
            for step in given.transforms
        )
    return found


def _match_keys(given: Sequence[Any]) -> tuple[MatchKey, ...]:
    """Read the keys; none = e-mail alone."""
    keys = {number: key for key, number in MATCH_KEYS.items()}
    if any(number not in keys for number in given):
        raise invalid("match_keys", "There is no such key.")
    return tuple(keys[number] for number in dict.fromkeys(given)) or (MatchKey.EMAIL,)


def _deletions(given: sync_pb2.Deletions) -> Deletions:
    policies = {number: policy for policy, number in DELETE_POLICIES.items()}
    numbers = (given.grace_seconds, given.cap_number, given.cap_percent)
    records = {number: policy for policy, number in RECORD_POLICIES.items()}
    if given.policy not in policies or given.record_policy not in records:
        raise invalid("deletions", "There is no such policy.")
    if min(numbers) < 0 or given.cap_percent > 100 or given.grace_seconds > _MAX_GRACE:
        raise invalid("deletions", "Numbers are not negative, a grace is at most 30 days, a share at most 100.")
    return Deletions(policies[given.policy], *numbers, records[given.record_policy])
