"""Makes the tokens that the gateway accepts: JWT with HS256, tenant and role."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import uuid4

from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.keys import KEY_FILES, read_key
from leadsync_cli.settings import Settings

AUDIENCE, CONSOLE_CODE = "leadsync", "leadsync-console-code"
CODE_SECONDS = 60


class Role(StrEnum):
    """What the bearer of a token may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


def local_token_key(settings: Settings) -> str:
    """Return the key that signs tokens: LEADSYNC_TOKEN_KEY, else the data directory's.

    Raises CommandError if there is neither.
    """
    if given := settings.secret("LEADSYNC_TOKEN_KEY"):
        return given
    path = settings.data_dir / KEY_FILES["LEADSYNC_TOKEN_KEY"]
    try:
        return read_key(path)
    except FileNotFoundError:
        detail = f"There is no {path} yet: start the suite once with `leadsync up`, or set LEADSYNC_TOKEN_KEY."
        raise CommandError("no_token_key", detail, Exit.USAGE) from None


def id_of(token: str) -> str:
    """Return the id by which a token can be revoked. Raises CommandError if it has none, or is no token."""
    import jwt  # noqa: PLC0415 (it takes long to load)

    try:
        found = jwt.decode(token, options={"verify_signature": False}).get("jti")
    except jwt.InvalidTokenError:
        raise CommandError("invalid_token", "The text is neither the id of a token nor a token.", Exit.USAGE) from None
    if not isinstance(found, str) or not found:
        detail = "The token has no id. Revoke all older tokens of its tenant: `leadsync tokens revoke-before now`."
        raise CommandError("invalid_token", detail, Exit.USAGE)
    return found


def console_link(url: str, keys: str, *, tenant: str, role: Role, subject: str) -> str:
    """Return a link that signs somebody in to the console, once and within a minute."""
    lifetime = timedelta(seconds=CODE_SECONDS)
    code = make_token(keys, tenant=tenant, role=role, subject=subject, lifetime=lifetime, audience=CONSOLE_CODE)
    return f"{url.rstrip('/')}/ui/login?code={code}"


def make_token(
    keys: str, *, tenant: str, role: Role, subject: str, lifetime: timedelta, audience: str = AUDIENCE
) -> str:
    """Sign a token with the first of the comma-separated keys; the others only verify while rotating."""
    now = datetime.now(UTC)
    claims = {
        "sub": subject,
        "aud": audience,
        "tenant": tenant,
        "role": role.value,
        "iat": now,
        "jti": str(uuid4()),  # by which it can be revoked
        "exp": now + lifetime,
    }
    import jwt  # noqa: PLC0415 (it takes long to load, and few commands make tokens)

    return jwt.encode(claims, keys.split(",", maxsplit=1)[0].strip(), algorithm="HS256")
