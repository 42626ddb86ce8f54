"""Access tokens: private app tokens that never expire, OAuth tokens for 30 minutes, refresh tokens, codes."""

from dataclasses import dataclass, field
from random import Random

from hubspot_simulator.core.apps import App
from hubspot_simulator.core.clock import Clock, iso
from hubspot_simulator.core.errors import ApiError, expired, unauthenticated

ACCESS_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token of one app in one account."""

    value: str
    app_id: int
    portal_id: int
    scopes: tuple[str, ...]
    expires_ms: int | None = None
    user_id: int = 98499705


@dataclass(frozen=True, slots=True)
class Grant:
    """The app and account of a refresh token or an authorization code."""

    value: str
    app_id: int
    portal_id: int
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Issued:
    """Everything that was issued, by its value."""

    access: dict[str, Token] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)
    codes: dict[str, Grant] = field(default_factory=dict)


class TokenRegistry:
    """Issues tokens and looks them up."""

    def __init__(self, clock: Clock, rng: Random) -> None:
        self._clock = clock
        self._rng = rng
        self.issued = Issued()

    def add(self, token: Token) -> None:
        """Add a token."""
        self.issued.access[token.value] = token

    def revoke(self, value: str) -> bool:
        """Forget an access or refresh token."""
        found = self.issued.access.pop(value, None) or self.issued.refresh.pop(value, None)
        return found is not None

    def authenticate(self, header: str | None) -> Token:
        """The token of an Authorization header; 401 if it is missing, unknown or expired."""
        scheme, _, value = (header or "").partition(" ")
        token = self.issued.access.get(value.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            raise unauthenticated()
        if token.expires_ms is not None and token.expires_ms <= self._clock.now_ms():
            late = (self._clock.now_ms() - token.expires_ms) // 1000
            raise expired(late, iso(token.expires_ms))
        return token

    def find(self, value: str) -> Token | None:
        """A token by its value, expired or not."""
        return self.issued.access.get(value)

    def find_refresh(self, value: str) -> Grant | None:
        """A refresh token by its value."""
        return self.issued.refresh.get(value)

    def issue_code(self, app: App, portal_id: int, scopes: tuple[str, ...]) -> str:
        """An authorization code, good for one exchange."""
        code = self._random("code")
        self.issued.codes[code] = Grant(code, app.id, portal_id, scopes)
        return code

    def issue_refresh(self, app: App, portal_id: int, value: str | None = None) -> str:
        """A refresh token that never expires and is not rotated (HubSpot documents neither)."""
        value = value or self._random("na1-refresh")
        self.issued.refresh[value] = Grant(value, app.id, portal_id, app.scopes)
        return value

    def exchange_code(self, app: App, code: str) -> tuple[Token, str]:
        """A code for an access token and a refresh token."""
        grant = self.issued.codes.pop(code, None)
        if grant is None or grant.app_id != app.id:
            raise _refused("BAD_AUTH_CODE", "missing or unknown auth code")
        return self._issue(grant), self.issue_refresh(app, grant.portal_id)

    def refresh(self, app: App, refresh_token: str) -> tuple[Token, str]:
        """A new access token; the answer repeats the refresh token."""
        grant = self.issued.refresh.get(refresh_token)
        if grant is None or grant.app_id != app.id:
            raise _refused("BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked")
        return self._issue(grant), refresh_token

    def _issue(self, grant: Grant) -> Token:
        ends = self._clock.now_ms() + ACCESS_SECONDS * 1000
        token = Token(self._random("na1-access"), grant.app_id, grant.portal_id, grant.scopes, ends)
        self.add(token)
        return token

    def _random(self, prefix: str) -> str:
        return f"{prefix}-{self._rng.getrandbits(128):032x}"


def _refused(status: str, message: str) -> ApiError:
    """400 of the token endpoint (OAuth guide)."""
    extra = {"error": "invalid_grant", "error_description": message, "status": status}
    return ApiError(400, None, message, extra=extra)
