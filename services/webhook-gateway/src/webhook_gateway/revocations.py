"""Tokens that no longer count although they have not expired: a file that whoever runs the gateway keeps.

It is JSON: `{"ids": ["…"], "notBefore": {"acme": "2026-11-30T12:00:00Z"}}`. `ids` are those of tokens (`jti`); of a
tenant in `notBefore`, no token counts that was made before that moment. A change of the file counts within a second.
"""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import structlog

LOOK_SECONDS = 1.0  # between two looks at the file


class Revoked(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What the file says."""

    ids: frozenset[str] = frozenset()
    not_before: dict[str, Annotated[datetime, msgspec.Meta(tz=True)]] = {}

    def holds(self, tenant: str, token_id: object, made_at: object) -> bool:
        """Whether a token is revoked. One that does not say when it was made counts as made long ago."""
        since = self.not_before.get(tenant)
        if since is not None and not (isinstance(made_at, int | float) and made_at >= since.timestamp()):
            return True
        return isinstance(token_id, str) and token_id in self.ids


def read_revoked(path: str) -> Revoked:
    """Read the file; no path is an empty list. Raises ValueError in plain words."""
    if not path:
        return Revoked()
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Revoked)
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"the file is no list of revoked tokens: {error}") from error


class Revocations:
    """The file as it is now. While it cannot be read, what it said last counts."""

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Read it. Raises ValueError."""
        self._path = path
        self._clock = clock
        self._seen = self._stamp()
        self._revoked = read_revoked(path)
        self._next = clock() + LOOK_SECONDS

    def holds(self, tenant: str, token_id: object, made_at: object) -> bool:
        """Whether a token is revoked."""
        if self._path and self._clock() >= self._next:
            self._look()
        return self._revoked.holds(tenant, token_id, made_at)

    def _look(self) -> None:
        self._next = self._clock() + LOOK_SECONDS
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._revoked = read_revoked(self._path)
        except ValueError as error:
            structlog.get_logger().error(
                "revoked tokens not read: the list that was read last counts", fault=str(error)
            )
        else:
            structlog.get_logger().info("revoked tokens read", ids=len(self._revoked.ids))

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = Path(self._path).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
