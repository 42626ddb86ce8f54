"""Connecting and configuring CRM accounts. Secrets go in and never come out."""

from starlette.responses import Response

from webhook_gateway.http.bodies import Body
from webhook_gateway.http.calling import Call, answer, answer_tagged, page_query
from webhook_gateway.http.names import inner_field, outer_field
from webhook_gateway.http.problems import Fault, invalid
from webhook_gateway.model import (
    BLANK_RULES,
    DIRECTIONS,
    MERGE_RULES,
    FieldRule,
    Integration,
    IntegrationSettings,
    NewIntegration,
    Tagged,
)

_FIXED = ("provider", "portalId", "appId", "code", "redirectUri")


async def create_integration(call: Call) -> Response:
    """POST /api/v1/crm-integration → 201. The account is read from the credential; both ways is the default."""
    body = Body(await call.json())
    new = NewIntegration(
        provider=body.text("provider", required=True),
        account_id=body.number_text("portalId"),
        app_id=body.number_text("appId"),
        settings=_settings(body),
        access_token=body.text("accessToken"),
        refresh_token=body.text("refreshToken"),
        code=body.text("code"),
        redirect_uri=body.text("redirectUri"),
    )
    new.settings.direction = new.settings.direction or "bidirectional"
    if sum(bool(secret) for secret in (new.access_token, new.refresh_token, new.code)) != 1:
        body.fault("accessToken", "exactly one of accessToken, refreshToken and code is needed")
    if bool(new.code) != bool(new.redirect_uri):
        body.fault("redirectUri", "code and redirectUri go together")
    body.close()
    created = await call.services.integrations.create(call.caller.tenant, new, request_id=call.request_id())
    response = _answer(created, 201)
    response.headers["location"] = f"/api/v1/crm-integration/{created.value.id}"
    return response


async def get_integration(call: Call) -> Response:
    """GET /api/v1/crm-integration/{id}."""
    return _answer(await call.services.integrations.get(call.caller.tenant, call.path("id")))


async def list_integrations(call: Call) -> Response:
    """GET /api/v1/crm-integration, oldest first."""
    query = call.query("pageSize", "pageToken")
    page = await call.services.integrations.list(call.caller.tenant, page_query(query))
    return answer({"integrations": [_outer(item) for item in page.items], "nextPageToken": page.next_page_token})


async def update_integration(call: Call) -> Response:
    """PATCH /api/v1/crm-integration/{id}: what is absent stays; a mapping or rules are replaced whole."""
    body = Body(await call.json())
    settings = _settings(body)
    access_token, refresh_token = body.text("accessToken"), body.text("refreshToken")
    for name in _FIXED:
        if body.has(name):
            body.fault(name, "cannot be changed; disconnect and connect again")
    if access_token and refresh_token:
        body.fault("accessToken", "only one of accessToken and refreshToken is possible")
    body.close()
    if settings == IntegrationSettings() and not access_token and not refresh_token:
        raise invalid(Fault("body", "names at least one field"))
    updated = await call.services.integrations.update(
        call.caller.tenant,
        call.path("id"),
        settings,
        etag=call.etag(),
        access_token=access_token,
        refresh_token=refresh_token,
    )
    return _answer(updated)


async def delete_integration(call: Call) -> Response:
    """DELETE /api/v1/crm-integration/{id} → 204; leads and records stay."""
    await call.services.integrations.delete(call.caller.tenant, call.path("id"))
    return Response(status_code=204)


def _settings(body: Body) -> IntegrationSettings:
    return IntegrationSettings(
        direction=body.word("direction", DIRECTIONS),
        field_mapping=_mapping(body) if body.has("fieldMapping") else None,
        field_rules=_rules(body) if body.has("fieldRules") else None,
        paused=body.flag("paused"),
    )


def _mapping(body: Body) -> dict[str, str]:
    part = body.part("fieldMapping")
    mapping: dict[str, str] = {}
    for name in part.names():
        mapping[_inner(part, name)] = part.text(name, required=True)
    return mapping


def _rules(body: Body) -> dict[str, FieldRule]:
    part = body.part("fieldRules")
    rules: dict[str, FieldRule] = {}
    for name in part.names():
        rule = part.part(name)
        who, blank = rule.word("rule", MERGE_RULES), rule.word("blank", BLANK_RULES)
        rules[_inner(part, name)] = FieldRule(who or "newest", blank or "keep")
        rule.check_names()
    return rules


def _inner(part: Body, name: str) -> str:
    field = inner_field(name)
    if field is None:
        part.fault(name, "is not a field of a lead")
    return field or name


def _answer(tagged: Tagged[Integration], status: int = 200) -> Response:
    return answer_tagged(tagged, _outer(tagged.value), status)


def _outer(item: Integration) -> Integration:
    """Spell lead fields as the outside does."""
    item.field_mapping = {outer_field(name): value for name, value in item.field_mapping.items()}
    item.field_rules = {outer_field(name): rule for name, rule in item.field_rules.items()}
    return item
