"""Who is calling: HS256 JSON Web Tokens that carry a tenant and a role."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from webhook_gateway.http.roles import Role
from webhook_gateway.problem import Problem
from webhook_gateway.revocations import Revocations

AUDIENCE = "leadsync"
_CLAIMS = ["exp", "aud", "sub", "tenant", "role"]
_MAX_NAME = 128
DAY_SECONDS = 86_400


_ROLES = {role.name.lower(): role for role in Role}


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller whose token was genuine."""

    tenant: str
    role: Role
    subject: str


ANONYMOUS = Caller("", Role.VIEWER, "")  # on public routes only; no service knows an empty tenant


class Tokens:
    """Checks tokens with each of the keys; there are several while one is being replaced."""

    def __init__(self, keys: Sequence[str], revocations: Revocations, most_days: int) -> None:
        """`most_days` is how long a token may count at most, from when it was made."""
        self._keys = tuple(keys)
        self._revocations = revocations
        self._most_seconds = most_days * DAY_SECONDS

    def authenticate(self, header: str | None) -> Caller:
        """Read an `Authorization` header. Raises Problem 401."""
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized("token_missing", "send `Authorization: Bearer <token>`")
        claims = self._claims(token.strip())
        tenant, subject, role = name_of(claims["tenant"]), name_of(claims["sub"]), role_named(claims["role"])
        if role is None or not tenant or not subject:
            raise _unauthorized("token_invalid", "the token does not name a tenant, a subject and a known role")
        self._check_age(claims)
        if self._revocations.holds(tenant, claims.get("jti"), claims.get("iat")):
            raise _unauthorized("token_revoked", "the token was revoked")
        return Caller(tenant, role, subject)

    def _check_age(self, claims: dict[str, Any]) -> None:
        made_at = claims.get("iat", time.time())  # either may be a number in a text
        if int(claims["exp"]) - int(made_at) > self._most_seconds:
            days = self._most_seconds // DAY_SECONDS
            raise _unauthorized("token_too_long", f"a token counts for at most {days} days: make one for fewer")

    def _claims(self, token: str) -> dict[str, Any]:
        for key in self._keys:
            try:
                claims: dict[str, Any] = jwt.decode(
                    token, key, algorithms=["HS256"], audience=AUDIENCE, options={"require": _CLAIMS}
                )
            except jwt.InvalidSignatureError:
                continue
            except jwt.ExpiredSignatureError as error:
                raise _unauthorized("token_expired", "the token has expired") from error
            except jwt.ImmatureSignatureError as error:
                detail = "the token does not count yet: the clock of the machine that made it is ahead of this one"
                raise _unauthorized("token_invalid", detail) from error
            except jwt.InvalidTokenError as error:
                raise _unauthorized("token_invalid", "the token is not acceptable") from error
            return claims
        raise _unauthorized("token_invalid", "the token is not acceptable")


def require_role(caller: Caller, role: Role) -> None:
    """Check that a caller has the role or a higher one. Raises Problem 403."""
    if caller.role < role:
        raise Problem(403, "role_too_low", f"this needs the role {role.name.lower()}")


def role_named(value: object) -> Role | None:
    """Find a role by its name."""
    return _ROLES.get(value) if isinstance(value, str) else None


def name_of(value: object) -> str:
    """Take a name; empty if it is too long, or has signs that are none, such as half of a surrogate pair."""
    return value if isinstance(value, str) and len(value) <= _MAX_NAME and value.isprintable() else ""


def _unauthorized(reason: str, detail: str) -> Problem:
    challenge = 'Bearer realm="leadsync"' + ("" if reason == "token_missing" else ', error="invalid_token"')
    return Problem(401, reason, detail, headers={"www-authenticate": challenge})
