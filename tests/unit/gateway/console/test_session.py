"""Signing in to the console: codes of links, and cookies."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from webhook_gateway.console.session import (
    CODES,
    LONGEST_SECONDS,
    RENEW_SECONDS,
    SESSION_SECONDS,
    SESSIONS,
    Sessions,
)
from webhook_gateway.http.auth import AUDIENCE, Caller
from webhook_gateway.http.roles import Role
from webhook_gateway.problem import Problem
from webhook_gateway.revocations import Revocations

KEY, OTHER = "k" * 32, "o" * 32
ADA = Caller("acme", Role.OPERATOR, "ada")


def code(audience: str = CODES, key: str = KEY, seconds: float = 60, **more: object) -> str:
    """Sign a code as the command line does."""
    now = datetime.now(UTC)
    claims = {"sub": "ada", "aud": audience, "tenant": "acme", "role": "operator", "iat": now, "jti": "1"}
    return jwt.encode(claims | {"exp": now + timedelta(seconds=seconds)} | more, key, algorithm="HS256")


def sessions(*keys: str, revoked: Path | None = None, at: float = 0.0) -> Sessions:
    """Check with these keys; `at` = so many seconds from now."""
    return Sessions(keys or (KEY,), Revocations(str(revoked or "")), lambda: time.time() + at)


def test_a_code_names_who_signs_in() -> None:
    """With the first key or, while it is being replaced, with another one."""
    for one in (code(), code(key=OTHER)):
        found = sessions(KEY, OTHER).code(one)
        assert (found.caller, found.code_id) == (ADA, "1")


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "x" * 5_000, code(key=OTHER), code(seconds=-1), code(seconds=61), code(role="root")),
        *(code(audience=AUDIENCE), code(audience=SESSIONS), code(tenant=""), code(jti=""), code(sub="a\u202eb")),
        code().rsplit(".", 1)[0] + ".",
        jwt.encode({"sub": "ada", "aud": CODES}, KEY, algorithm="HS256"),
        jwt.encode({"sub": "ada", "aud": CODES}, "", algorithm="none"),
    ],
)
def test_nothing_else_is_a_code(text: str) -> None:
    """No token of the API, no cookie, none that lasts longer, and none that another key has signed."""
    with pytest.raises(Problem) as caught:
        sessions().code(text)
    assert (caught.value.status, caught.value.reason) == (401, "link_invalid")


def test_a_cookie_names_its_session() -> None:
    """It is no token of the API and no code; and nothing else is a cookie."""
    made = sessions().begin(ADA)
    cookie = sessions().cookie(made)
    assert sessions().read(cookie) == made
    assert sessions(OTHER).read(cookie) is None
    for other in ("", "x", code(), code(audience=AUDIENCE), code(audience=SESSIONS)):
        assert sessions().read(other) is None
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(cookie, KEY, algorithms=["HS256"], audience=AUDIENCE)


def test_a_session_is_renewed_while_it_is_used_and_ends_after_half_a_day() -> None:
    """A cookie lasts for an hour; a session never longer than twelve, however often it is renewed."""
    made = sessions().begin(ADA)
    assert sessions(at=RENEW_SECONDS - 1).renewed(made) is None
    later = sessions(at=RENEW_SECONDS + 1).renewed(made)
    assert later is not None
    assert (later.session_id, later.signed_in_at) == (made.session_id, made.signed_in_at)
    assert later.made_at > made.made_at
    assert sessions(at=LONGEST_SECONDS + 1).renewed(made) is None
    ends = jwt.decode(sessions().cookie(made), options={"verify_signature": False})["exp"]
    assert ends == made.made_at + SESSION_SECONDS
    old = sessions(at=-(LONGEST_SECONDS - 60)).begin(ADA)
    last = sessions().renewed(old)
    assert last is not None
    ends = jwt.decode(sessions().cookie(last), options={"verify_signature": False})["exp"]
    assert ends == old.signed_in_at + LONGEST_SECONDS


def test_revoked_sessions_end(tmp_path: Path) -> None:
    """All sessions of a tenant end that began before a moment, and links that were made before it begin none."""
    made, link = sessions().begin(ADA), code()
    revoked = tmp_path / "revoked.json"
    later = datetime.now(UTC) + timedelta(seconds=5)
    revoked.write_text(f'{{"notBefore": {{"acme": "{later:%Y-%m-%dT%H:%M:%SZ}"}}}}', encoding="utf-8")
    assert sessions(revoked=revoked).read(sessions().cookie(made)) is None
    with pytest.raises(Problem):
        sessions(revoked=revoked).code(link)
