"""Between integrations and `leadsync.integration.v1`: settings in and out, each checked for what it is."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace

from leadsync.integration.v1 import integration_pb2, integration_service_pb2

from crm_connector.clients import policy
from crm_connector.clients.mapping import message
from crm_connector.domain.changes import Changes, NewIntegration, OAuthCode
from crm_connector.domain.integration import Credential, CredentialKind, Integration
from crm_connector.domain.transforms import Transform, TransformKind
from crm_connector.rpc.mapping import bounded, identifier, invalid, request_id

_KINDS = {kind: integration_pb2.CredentialKind.Value(f"CREDENTIAL_KIND_{kind.name}") for kind in CredentialKind}
_TRANSFORMS = {kind: integration_pb2.TransformKind.Value(f"TRANSFORM_KIND_{kind.name}") for kind in TransformKind}
# What decisions depend on, and what can be changed besides.
_DECIDING = ("field_mapping", "field_transforms", "policy.direction", "policy.fields", "policy.matching")
_PATHS = (*_DECIDING, "paused", "policy.deletions")
_POLICY = "policy."
_MAX_SECRET, _MAX_KEY, _MAX_ID = 4_096, 16_384, 128


def integration(found: Integration) -> integration_pb2.Integration:
    """Build the message; no secret is part of it."""
    return message(
        integration_pb2.Integration,
        found,
        credential_kind=_KINDS[found.credential_kind],
        policy=policy.message_of(found.policy),
        field_mapping=dict(found.mapping),
        field_transforms=[
            integration_pb2.FieldTransforms(field=field, transforms=[_transform(step) for step in steps])
            for field, steps in sorted(found.transforms.items())
        ],
    )


def new_integration(request: integration_service_pb2.CreateIntegrationRequest) -> NewIntegration:
    """Read what to connect.

    Raises:
        InvalidError: `invalid_field`, naming it.

    """
    given = request.integration
    return NewIntegration(
        tenant_id=identifier(request.tenant_id, "tenant_id"),
        provider=identifier(request.provider, "provider"),
        credential=_credential(request),
        policy=policy.policy_of(given.policy),
        request_id=request_id(request.request_id),
        account_id=bounded(request.account_id, "account_id", _MAX_ID),
        app_id=bounded(request.app_id, "app_id", _MAX_ID),
        mapping=dict(given.field_mapping),
        paused=given.paused,
        transforms=_transforms(given.field_transforms),
    )


def changes(request: integration_service_pb2.UpdateIntegrationRequest) -> Changes:
    """Read the masked changes.

    Raises:
        InvalidError: `invalid_field` for an unknown path, a missing mask or two credentials.

    """
    paths = set(request.update_mask.paths)
    if unknown := sorted(paths - set(_PATHS)):
        raise invalid("update_mask", f"`{unknown[0][:80]}` cannot be changed. Known paths: {', '.join(_PATHS)}.")
    if request.access_token and request.refresh_token:
        raise invalid("refresh_token", "Give one credential, not two.")
    credential = None
    if request.access_token:
        credential = Credential.access_token(_secret(request.access_token, "access_token"))
    if request.refresh_token:
        credential = Credential.refresh_token(_secret(request.refresh_token, "refresh_token"))
    if not paths and credential is None:
        raise invalid("update_mask", "Name what to change.")
    return replace(_masked(request.integration, paths), credential=credential)


def proposed(given: integration_pb2.Integration, paths: Sequence[str]) -> Changes:
    """Read settings that a dry run is to be made with: these, or all that decisions depend on.

    Raises:
        InvalidError: as for `changes`.

    """
    if unknown := sorted(set(paths) - set(_DECIDING)):
        raise invalid("proposed_mask", f"`{unknown[0][:80]}` cannot be tried out. Known paths: {', '.join(_DECIDING)}.")
    return _masked(given, set(paths or _DECIDING))


def _masked(given: integration_pb2.Integration, paths: Set[str]) -> Changes:
    """Read the settings that the paths name."""
    names = {path.removeprefix(_POLICY) for path in paths if path.startswith(_POLICY)}
    return Changes(
        policy=(lambda current: policy.merged(current, given.policy, names)) if names else None,
        rules_given="fields" in names,
        mapping=dict(given.field_mapping) if "field_mapping" in paths else None,
        transforms=_transforms(given.field_transforms) if "field_transforms" in paths else None,
        paused=given.paused if "paused" in paths else None,
    )


def _credential(request: integration_service_pb2.CreateIntegrationRequest) -> Credential | OAuthCode:
    match name := request.WhichOneof("credential"):
        case "access_token":
            return Credential.access_token(_secret(request.access_token, name))
        case "refresh_token":
            return Credential.refresh_token(_secret(request.refresh_token, name))
        case "authorization_code":
            given = request.authorization_code
            if not (given.code and given.redirect_uri):
                raise invalid(name, "An authorization code needs its code and its redirect_uri.")
            return OAuthCode(bounded(given.code, name, _MAX_SECRET), bounded(given.redirect_uri, name, _MAX_SECRET))
        case "client_credentials":
            app = request.client_credentials
            url = bounded(app.instance_url, f"{name}.instance_url", _MAX_SECRET)
            named = {"client_id": app.client_id, "client_secret": app.client_secret}
            return Credential(CredentialKind.CLIENT_CREDENTIALS, _secrets(name, named) | {"instance_url": url})
        case "jwt_bearer":
            user = request.jwt_bearer
            key = bounded(user.private_key, f"{name}.private_key", _MAX_KEY)
            if not key.startswith("-----BEGIN"):
                raise invalid(f"{name}.private_key", "This is not a private key as PEM.")
            named = {"client_id": user.client_id, "username": user.username}
            return Credential(CredentialKind.JWT_BEARER, _secrets(name, named) | {"private_key": key})
        case _:
            raise invalid("access_token", "Give an access token, a refresh token or another credential.")


def _secrets(kind: str, named: Mapping[str, str]) -> dict[str, str]:
    """Check the parts of a credential, all of which are required."""
    return {name: _secret(secret, f"{kind}.{name}") for name, secret in named.items()}


def _secret(secret: str, name: str) -> str:
    """Check a secret: it has to fit into a header."""
    if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise invalid(name, "This is not a token: it is empty, or has spaces or strange characters.")
    return bounded(secret, name, _MAX_SECRET)


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
