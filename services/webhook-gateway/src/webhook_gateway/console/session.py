"""Sessions of the console: a one-time link becomes a cookie that is valid for `/ui` alone.

Link and cookie are JSON Web Tokens with audiences of their own, so neither is a token of the API, and no token of the
API opens the console. A cookie is renewed while it is used, for at most `LONGEST_SECONDS` after the sign-in.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from webhook_gateway.http.auth import Caller, name_of, role_named
from webhook_gateway.problem import Problem
from webhook_gateway.revocations import Revocations

CODES, SESSIONS, ATTEMPTS = "leadsync-console-code", "leadsync-console", "leadsync-console-oidc"  # audiences
LONGEST_CODE = 4_096
SESSION_SECONDS, RENEW_SECONDS, LONGEST_SECONDS = 3_600, 600, 12 * 3_600
CODE_SECONDS = 60
ATTEMPT_SECONDS = 600  # at the provider
_CLAIMS = ("exp", "iat", "aud", "sub", "tenant", "role", "jti")
_OF_ATTEMPT = ("exp", "iat", "aud", "state", "nonce", "verifier")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What has to be remembered while somebody signs in at an OpenID provider."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Session:
    """Who has signed in, when, and when the cookie was made."""

    caller: Caller
    session_id: str
    signed_in_at: int
    made_at: int


@dataclass(frozen=True, slots=True)
class SignInCode:
    """What a one-time link carries."""

    caller: Caller
    code_id: str
    expires_at: int


class Sessions:
    """Makes and checks cookies, and checks codes, with each of the token keys; the first one signs."""

    def __init__(self, keys: Sequence[str], revocations: Revocations, clock: Callable[[], float] = time.time) -> None:
        self._keys = tuple(keys)
        self._revocations = revocations
        self._clock = clock

    def code(self, text: str) -> SignInCode:
        """Read the code of a link. Raises Problem 401; whether it was used before, the store knows."""
        claims = self._claims(text, CODES) if len(text) <= LONGEST_CODE else None
        caller = _caller(claims) if claims else None
        lasts = claims["exp"] - claims["iat"] if claims else 0
        if claims is None or caller is None or lasts > CODE_SECONDS or self._is_revoked(caller, claims):
            detail = "the link is not valid, or more than a minute old: make another one with `leadsync console`"
            raise Problem(401, "link_invalid", detail)
        return SignInCode(caller, claims["jti"], claims["exp"])

    def begin(self, caller: Caller) -> Session:
        """Begin a session now."""
        now = int(self._clock())
        return Session(caller, str(uuid.uuid4()), now, now)

    def cookie(self, session: Session) -> str:
        """Write a session down."""
        claims = {
            "aud": SESSIONS,
            "sub": session.caller.subject,
            "tenant": session.caller.tenant,
            "role": session.caller.role.name.lower(),
            "jti": session.session_id,
            "iat": session.signed_in_at,
            "made": session.made_at,
            "exp": min(session.made_at + SESSION_SECONDS, session.signed_in_at + LONGEST_SECONDS),
        }
        return jwt.encode(claims, self._keys[0], algorithm="HS256")

    def read(self, cookie: str) -> Session | None:
        """Read a cookie; None if nobody is signed in by it."""
        claims = self._claims(cookie, SESSIONS) if cookie and len(cookie) <= LONGEST_CODE else None
        caller = _caller(claims) if claims else None
        if claims is None or caller is None or not isinstance(claims.get("made"), int):
            return None
        if self._is_revoked(caller, claims):
            return None
        return Session(caller, claims["jti"], claims["iat"], claims["made"])

    def renewed(self, session: Session) -> Session | None:
        """The session with a later end; None if it is young enough, or may not go on."""
        now = int(self._clock())
        if now - session.made_at < RENEW_SECONDS or now - session.signed_in_at >= LONGEST_SECONDS:
            return None
        return Session(session.caller, session.session_id, session.signed_in_at, now)

    def attempt_cookie(self, attempt: Attempt) -> str:
        """Write down what has to be remembered while somebody is at the provider."""
        now = int(self._clock())
        claims = {"aud": ATTEMPTS, "state": attempt.state, "nonce": attempt.nonce, "verifier": attempt.verifier}
        return jwt.encode(claims | {"iat": now, "exp": now + ATTEMPT_SECONDS}, self._keys[0], algorithm="HS256")

    def attempt(self, cookie: str) -> Attempt | None:
        """Read it again; None if there is none, or it is too old."""
        claims = self._claims(cookie, ATTEMPTS, _OF_ATTEMPT) if cookie and len(cookie) <= LONGEST_CODE else None
        return Attempt(claims["state"], claims["nonce"], claims["verifier"]) if claims else None

    def _is_revoked(self, caller: Caller, claims: dict[str, Any]) -> bool:
        return self._revocations.holds(caller.tenant, claims["jti"], claims["iat"])

    def _claims(self, text: str, audience: str, required: Sequence[str] = _CLAIMS) -> dict[str, Any] | None:
        for key in self._keys:
            try:
                found: dict[str, Any] = jwt.decode(
                    text, key, algorithms=["HS256"], audience=audience, options={"require": list(required)}
                )
            except jwt.InvalidSignatureError:
                continue
            except jwt.InvalidTokenError:
                return None
            return found if all(isinstance(found[name], int) for name in ("iat", "exp")) else None
        return None


def _caller(claims: dict[str, Any]) -> Caller | None:
    tenant, subject, role = name_of(claims["tenant"]), name_of(claims["sub"]), role_named(claims["role"])
    return Caller(tenant, role, subject) if tenant and subject and role and claims["jti"] else None
