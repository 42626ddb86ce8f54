"""The cookies of the console: the session, and the chosen colours."""

from starlette.requests import Request
from starlette.responses import Response

from webhook_gateway.console.session import LONGEST_SECONDS

THEME, ATTEMPT = "leadsync_theme", "leadsync_oidc"


class Cookies:
    """Reads and sets them. Over HTTPS the session's name makes browsers take it from this host and by HTTPS alone."""

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        self._name = "__Host-leadsync_console" if secure else "leadsync_console"
        self._path = "/" if secure else "/ui"  # such a name demands `/`

    def session(self, request: Request) -> str:
        """Read the session; empty if there is none."""
        return request.cookies.get(self._name, "")

    def set_session(self, response: Response, value: str) -> None:
        """Set the session."""
        response.set_cookie(
            self._name, value, LONGEST_SECONDS, path=self._path, secure=self._secure, httponly=True, samesite="lax"
        )

    def end_session(self, response: Response) -> None:
        """Let the browser forget the session."""
        response.delete_cookie(self._name, self._path, secure=self._secure, httponly=True, samesite="lax")

    def attempt(self, request: Request) -> str:
        """Read what was noted when somebody went to the provider; empty if there is nothing."""
        return request.cookies.get(ATTEMPT, "")

    def set_attempt(self, response: Response, value: str, seconds: int) -> None:
        """Note it; a negative time removes it. It has to come back from the provider's page, so it is `lax`."""
        response.set_cookie(
            ATTEMPT, value, seconds, path="/ui/oidc", secure=self._secure, httponly=True, samesite="lax"
        )

    def theme(self, request: Request) -> str:
        """Read the chosen colours; empty = those of the system."""
        return request.cookies.get(THEME, "")
