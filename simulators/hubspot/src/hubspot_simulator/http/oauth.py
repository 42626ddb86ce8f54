"""OAuth, token information and account details."""

from urllib.parse import urlencode

from hubspot_simulator.core.apps import App
from hubspot_simulator.core.errors import ApiError, resource_not_found, validation
from hubspot_simulator.core.tokens import ACCESS_SECONDS, Token
from hubspot_simulator.http.replies import Call, Reply


def authorize(call: Call) -> Reply:
    """GET authorize: redirect at once with a code, as if a person agreed (OAuth guide)."""
    back = call.text("redirect_uri")
    app = next((one for one in call.simulator.apps.values() if one.client_id == call.text("client_id")), None)
    if app is None or back is None:
        raise validation("client_id and redirect_uri are needed")
    portal_id = call.number("portal_id", call.simulator.settings.portal_id)
    call.simulator.install(app, portal_id)
    query = {"code": call.simulator.tokens.issue_code(app, portal_id, app.scopes)}
    if call.text("state") is not None:
        query["state"] = str(call.text("state"))
    return Reply(302, None, {"Location": f"{back}{'&' if '?' in back else '?'}{urlencode(query)}"})


def token(call: Call) -> Reply:
    """POST token: authorization_code and refresh_token grants; 1800 s (OAuth guide)."""
    app = _client(call)
    grant = call.body.get("grant_type")
    if grant == "authorization_code":
        issued, refresh = call.simulator.tokens.exchange_code(app, str(call.body.get("code", "")))
    elif grant == "refresh_token":
        issued, refresh = call.simulator.tokens.refresh(app, str(call.body.get("refresh_token", "")))
    else:
        extra = {"error": "unsupported_grant_type", "status": "BAD_GRANT_TYPE"}
        raise ApiError(400, None, "grant_type must be authorization_code or refresh_token", extra=extra)
    body = {
        "access_token": issued.value,
        "refresh_token": refresh,
        "token_type": "bearer",
        "expires_in": ACCESS_SECONDS,
        "hub_id": issued.portal_id,
        "scopes": list(issued.scopes),
        "user_id": issued.user_id,
        "token_use": "access_token",
    }
    return Reply(200, body)


def access_token_info(call: Call) -> Reply:
    """GET v1 access-tokens/{token}."""
    found = call.simulator.tokens.find(call.path("token"))
    if found is None:
        raise resource_not_found()
    return Reply(
        200,
        {
            "token": found.value,
            **_about(found),
            "expires_in": _left(call, found),
            "token_type": "access",
        },
    )


def refresh_token_info(call: Call) -> Reply:
    """GET v1 refresh-tokens/{token}."""
    found = call.simulator.tokens.find_refresh(call.path("token"))
    if found is None:
        raise resource_not_found()
    app = call.simulator.app(found.app_id)
    about = {
        "token": found.value,
        "client_id": app.client_id,
        "hub_id": found.portal_id,
        "app_id": found.app_id,
    }
    return Reply(
        200,
        about
        | {
            "user": "person@example.com",
            "user_id": 98499705,
            "scopes": list(found.scopes),
            "hub_domain": f"portal-{found.portal_id}.example.com",
            "token_type": "refresh",
        },
    )


def delete_refresh_token(call: Call) -> Reply:
    """DELETE v1 refresh-tokens/{token}."""
    if not call.simulator.tokens.revoke(call.path("token")):
        raise resource_not_found()
    return Reply(204)


def introspect(call: Call) -> Reply:
    """POST v3 token/introspect; docs and spec name the field differently, so both are accepted."""
    _client(call)
    value = _given_token(call)
    found = call.simulator.tokens.find(value)
    if found is not None:
        left = _left(call, found)
        body = {"active": left > 0, "token_use": "access_token", **_about(found), "expires_in": left}
        return Reply(200, body)
    grant = call.simulator.tokens.find_refresh(value)
    if grant is None:
        return Reply(200, {"active": False})
    return Reply(
        200,
        {
            "active": True,
            "token_use": "refresh_token",
            "hub_id": grant.portal_id,
            "app_id": grant.app_id,
            "scopes": list(grant.scopes),
        },
    )


def revoke(call: Call) -> Reply:
    """POST v3 token/revoke."""
    _client(call)
    call.simulator.tokens.revoke(_given_token(call))
    return Reply(204)


def private_app_token_info(call: Call) -> Reply:
    """POST v2 private-apps/get/access-token-info: `{tokenKey}`."""
    found = call.simulator.tokens.find(str(call.body.get("tokenKey", "")))
    if found is None:
        raise resource_not_found()
    return Reply(
        200,
        {
            "userId": found.user_id,
            "hubId": found.portal_id,
            "appId": found.app_id,
            "scopes": list(found.scopes),
        },
    )


def account_details(call: Call) -> Reply:
    """GET account-info details."""
    body = {
        "portalId": call.portal.id,
        "accountType": "DEVELOPER_TEST",
        "timeZone": "UTC",
        "companyCurrency": "USD",
        "additionalCurrencies": [],
        "utcOffset": "+00:00",
        "utcOffsetMilliseconds": 0,
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
    }
    return Reply(200, body)


def _client(call: Call) -> App:
    client_id, secret = call.body.get("client_id"), call.body.get("client_secret")
    for app in call.simulator.apps.values():
        if app.client_id == client_id and app.client_secret == secret:
            return app
    message = "missing or invalid client id or secret"
    raise ApiError(
        400,
        None,
        message,
        extra={"error": "invalid_client", "error_description": message, "status": "BAD_CLIENT_ID"},
    )


def _given_token(call: Call) -> str:
    for name in ("token", "access_token", "refresh_token"):
        if call.body.get(name):
            return str(call.body[name])
    raise validation("Some required fields were not set: [token]")


def _about(found: Token) -> dict[str, object]:
    return {
        "user": "person@example.com",
        "hub_domain": f"portal-{found.portal_id}.example.com",
        "scopes": list(found.scopes),
        "hub_id": found.portal_id,
        "app_id": found.app_id,
        "user_id": found.user_id,
    }


def _left(call: Call, found: Token) -> int:
    if found.expires_ms is None:
        return ACCESS_SECONDS
    return max(0, (found.expires_ms - call.simulator.clock.now_ms()) // 1000)
