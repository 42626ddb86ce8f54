"""Tokens, OAuth, scopes, rate limits."""

import httpx
import pytest
from unit.simulator.support import APP_ID, CONTACTS, TOKEN, RunningSimulator

CLIENT = {"client_id": "simulator-client-id", "client_secret": "simulator-secret"}


def refresh(
    hubspot: RunningSimulator, token: str = "na1-simulator-refresh-token", version: str = "v1"
) -> httpx.Response:
    """Ask for a new access token."""
    form = {"grant_type": "refresh_token", "refresh_token": token, **CLIENT}
    return hubspot.api.post(f"/oauth/{version}/token", data=form)


@pytest.mark.parametrize("header", ["", "Bearer nobody", "Basic abc", TOKEN])
def test_unknown_token_is_401(hubspot: RunningSimulator, header: str) -> None:
    """A missing, unknown or malformed token is INVALID_AUTHENTICATION."""
    answer = hubspot.api.get(CONTACTS, headers={"Authorization": header})
    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")
    assert answer.headers["X-HubSpot-Correlation-Id"] == answer.json()["correlationId"]


def test_missing_scope_is_403(hubspot: RunningSimulator) -> None:
    """A token without the scope is MISSING_SCOPES, naming it."""
    token = hubspot.control.add_token(token="reader", scopes=["crm.objects.contacts.read"])
    headers = {"Authorization": f"Bearer {token}"}
    assert hubspot.api.get(CONTACTS, headers=headers).status_code == 200
    answer = hubspot.api.post(CONTACTS, json={"properties": {"firstname": "A"}}, headers=headers)
    assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")
    assert answer.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.contacts.write"]


@pytest.mark.parametrize("version", ["v1", "v3", "2026-03"])
def test_refresh_and_expiry(hubspot: RunningSimulator, version: str) -> None:
    """A refreshed token works for 1800 simulated seconds, then is EXPIRED_AUTHENTICATION."""
    body = refresh(hubspot, version=version).json()
    assert (body["expires_in"], body["token_type"], body["hub_id"]) == (1800, "bearer", 48975575)
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    assert hubspot.api.get(CONTACTS, headers=headers).status_code == 200
    hubspot.control.advance(1875)
    late = hubspot.api.get(CONTACTS, headers=headers)
    assert (late.status_code, late.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")
    assert late.json()["message"].startswith("The OAuth token used to make this call expired 75 second(s) ago.")
    assert late.json()["context"]["expire time"]


def test_code_can_be_exchanged_once(hubspot: RunningSimulator) -> None:
    """An authorization code gives tokens of its account, once."""
    code = hubspot.control.oauth_code()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "http://localhost/", **CLIENT}
    body = hubspot.api.post("/oauth/v1/token", data=form).json()
    assert refresh(hubspot, body["refresh_token"]).status_code == 200
    assert hubspot.api.post("/oauth/v1/token", data=form).status_code == 400


def test_install_page_sends_back_a_code(hubspot: RunningSimulator) -> None:
    """The authorize page redirects at once with a code and the state; the code gives tokens."""
    query = {
        "client_id": CLIENT["client_id"],
        "redirect_uri": "http://localhost/back?a=1",
        "state": "s",
        "scope": "oauth",
    }
    answer = hubspot.api.get("/oauth/authorize", params=query)
    assert answer.status_code == 302
    sent_back = httpx.URL(answer.headers["Location"])
    assert (sent_back.params["a"], sent_back.params["state"]) == ("1", "s")
    form = {"grant_type": "authorization_code", "code": sent_back.params["code"], **CLIENT}
    assert hubspot.api.post("/oauth/v1/token", data=form).status_code == 200


def test_bad_refresh_token(hubspot: RunningSimulator) -> None:
    """An unknown refresh token is a 400 with status BAD_REFRESH_TOKEN."""
    answer = refresh(hubspot, "nobody")
    assert (answer.status_code, answer.json()["status"]) == (400, "BAD_REFRESH_TOKEN")
    assert answer.json()["error"] == "invalid_grant"


def test_token_and_account_information(hubspot: RunningSimulator) -> None:
    """The account and the app can be read from a token, in each of HubSpot's ways."""
    private = hubspot.api.post("/oauth/v2/private-apps/get/access-token-info", json={"tokenKey": TOKEN}).json()
    assert (private["hubId"], private["appId"]) == (48975575, APP_ID)
    info = hubspot.api.get(f"/oauth/v1/access-tokens/{TOKEN}").json()
    assert (info["hub_id"], info["app_id"], info["token_type"]) == (48975575, APP_ID, "access")
    assert hubspot.api.get("/account-info/v3/details").json()["portalId"] == 48975575
    answer = hubspot.api.post("/oauth/v3/token/introspect", data={"token": TOKEN, **CLIENT}).json()
    assert answer["active"] is True


def test_ten_second_limit(hubspot: RunningSimulator) -> None:
    """The call above the limit is a 429 as recorded, without Retry-After, and ten seconds later calls pass."""
    hubspot.control.set(rate_limit_per_10_seconds=3)
    left = [hubspot.api.get(CONTACTS).headers["X-HubSpot-RateLimit-Remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    refused = hubspot.api.get(CONTACTS)
    assert refused.status_code == 429
    assert refused.json()["policyName"] == "TEN_SECONDLY_ROLLING"
    assert refused.json()["errorType"] == "RATE_LIMIT"
    assert "Retry-After" not in refused.headers
    assert hubspot.api.post(f"{CONTACTS}/search", json={}).status_code == 200
    hubspot.control.advance(10)
    assert hubspot.api.get(CONTACTS).status_code == 200


def test_search_limit_and_daily_limit(hubspot: RunningSimulator) -> None:
    """Searches have a limit per second and no interval headers; the daily limit counts everything."""
    hubspot.control.set(search_limit_per_second=1, rate_limit_per_10_seconds=100, daily_limit=3)
    first = hubspot.api.post(f"{CONTACTS}/search", json={})
    assert "X-HubSpot-RateLimit-Max" not in first.headers
    refused = hubspot.api.post(f"{CONTACTS}/search", json={})
    assert (refused.status_code, refused.json()["message"]) == (429, "You have reached your secondly limit.")
    hubspot.api.get(CONTACTS)
    hubspot.api.get(CONTACTS)
    assert hubspot.api.get(CONTACTS).json()["policyName"] == "DAILY"


def test_a_url_that_is_too_long_is_414(hubspot: RunningSimulator) -> None:
    """A server in front of the API answers, in HTML."""
    assert hubspot.api.get(CONTACTS, params={"properties": "x" * 7_800}).status_code == 200
    answer = hubspot.api.get(CONTACTS, params={"properties": "x" * 8_000})
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (414, "text/html")
