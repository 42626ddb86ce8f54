"""Signing in with an organisation's OpenID provider: the authorisation code flow with PKCE (OpenID Connect Core 1.0).

The provider is asked for its addresses and keys when somebody signs in, and again after an hour.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from webhook_gateway.console.session import Attempt
from webhook_gateway.http.auth import Caller, name_of, role_named
from webhook_gateway.oidc_settings import OidcSettings, safe_address
from webhook_gateway.problem import Problem

FRESH_SECONDS = 3_600.0
CALL_SECONDS = 5.0
MOST_BYTES = 512 * 1024
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]  # never HS256, nor none
LEEWAY_SECONDS = 60
_SCOPE = "openid profile email"
_NAMES = (
    "email",
    "preferred_username",
    "sub",
)  # claims that name the person in the history, the first one that is there
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class _Provider:
    addresses: dict[str, Any]
    keys: KeySet
    read_at: float


class OpenIdProvider:
    """One provider. Raises Problem 502 oidc_unavailable if it does not answer as it has to."""

    def __init__(
        self,
        settings: OidcSettings,
        api_url: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._callback = f"{api_url}/ui/oidc/callback"
        self._monotonic = monotonic
        self._known: _Provider | None = None

    async def begin(self) -> tuple[str, Attempt]:
        """Give the address to which somebody is sent, and what has to be remembered meanwhile."""
        provider = await self._provider()
        attempt = Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))
        async with self._client() as client:
            address, _ = client.create_authorization_url(
                provider.addresses["authorization_endpoint"],
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
            )
        return str(address), attempt

    async def end(self, attempt: Attempt, state: str, code: str) -> Caller:
        """Find out who has come back. Raises Problem 401 or 403 as well."""
        if not state or state != attempt.state or not code:
            raise _refused("the answer does not belong to this sign-in: begin again")
        provider = await self._provider()
        try:
            async with self._client() as client:
                token = await client.fetch_token(
                    provider.addresses["token_endpoint"],
                    code=code,
                    grant_type="authorization_code",
                    code_verifier=attempt.verifier,
                )
        except OAuthError as error:
            raise _refused("the provider does not accept the sign-in: begin again") from error
        except (httpx2.HTTPError, ValueError) as error:
            raise _unavailable() from error
        return self._caller(await self._claims(str(token.get("id_token") or ""), attempt.nonce))

    async def _claims(self, id_token: str, nonce: str) -> dict[str, Any]:
        """Check the proof of identity (OpenID Connect Core, 3.1.3.7); with new keys if its key is not known."""
        for fresh in (False, True):
            provider = await self._provider(fresh=fresh)
            try:
                found = jwt.decode(id_token, provider.keys, algorithms=ALGORITHMS)
                break
            except (JoseError, ValueError) as error:
                if fresh:
                    raise _refused("the provider's proof of identity is not genuine") from error
        rules = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": provider.addresses["issuer"]},
            aud={"essential": True, "value": self._settings.client_id},
            nonce={"essential": True, "value": nonce},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )
        try:
            rules.validate(found.claims)
        except JoseError as error:
            raise _refused("the provider's proof of identity is not for this sign-in") from error
        return found.claims

    def _caller(self, claims: dict[str, Any]) -> Caller:
        """Find tenant and role in the claim: `acme:operator`, or a list of which one has this form."""
        given = claims.get(self._settings.claim)
        for one in given if isinstance(given, list) else [given]:
            tenant, _, role = one.rpartition(":") if isinstance(one, str) else ("", "", "")
            known = role_named(role)
            if name_of(tenant) and known is not None:
                names = (name_of(claims.get(one)) for one in _NAMES)
                return Caller(tenant, known, next(filter(None, names), "unknown"))
        detail = f"your account has no claim {self._settings.claim} with a tenant and a role, such as acme:operator"
        raise Problem(403, "oidc_no_role", detail)

    async def _provider(self, *, fresh: bool = False) -> _Provider:
        known, now = self._known, self._monotonic()
        if known is not None and not fresh and now - known.read_at < FRESH_SECONDS:
            return known
        issuer = self._settings.issuer
        try:
            async with httpx2.AsyncClient(timeout=CALL_SECONDS, trust_env=False) as client:
                addresses = await _read(client, f"{issuer}/.well-known/openid-configuration")
                _check(addresses, issuer)
                found: Any = await _read(client, str(addresses["jwks_uri"]))  # what is in it, joserfc checks
                keys = KeySet.import_key_set(found)
        except (httpx2.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
            raise _unavailable() from error
        self._known = _Provider(addresses, keys, now)
        return self._known

    def _client(self) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            self._settings.client_id,
            self._settings.client_secret,
            scope=_SCOPE,
            redirect_uri=self._callback,
            code_challenge_method="S256",
            timeout=CALL_SECONDS,
            trust_env=False,
        )


def _check(addresses: dict[str, Any], issuer: str) -> None:
    """Check what a provider says of itself. Raises ValueError or KeyError."""
    if str(addresses["issuer"]).rstrip("/") != issuer:
        raise ValueError("another issuer")
    for name in _ENDPOINTS:
        safe_address(str(addresses[name]))


async def _read(client: httpx2.AsyncClient, address: str) -> dict[str, Any]:
    """Read a JSON object, bounded in size. Raises ValueError."""
    async with client.stream("GET", address) as response:
        response.raise_for_status()
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MOST_BYTES:
                raise ValueError("too large")
    found = httpx2.Response(200, content=bytes(body)).json()
    if not isinstance(found, dict):
        raise TypeError("no object")
    return found


def _refused(detail: str) -> Problem:
    return Problem(401, "oidc_refused", detail)


def _unavailable() -> Problem:
    return Problem(502, "oidc_unavailable", "the provider that knows who you are does not answer: try again")
