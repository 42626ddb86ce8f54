"""Tokens that no longer count although they have not expired: a file that whoever runs the gateway keeps.

It is JSON: `{"ids": ["…"], "notBefore": {"acme": "2026-11-30T12:00:00Z"}}`. `ids` are those of tokens (`jti`); of a
tenant in `notBefore`, no token counts that was made before that moment. A change of the file counts within a second.
"""

import codecs
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import structlog

LOOK_SECONDS = 1.0  # between two looks at the file
MOST_BYTES = 16_000_000  # of it: some 400,000 tokens


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
        return msgspec.json.decode(_content(Path(path)), type=Revoked)
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"the file is no list of revoked tokens: {error}") from error


def _content(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # a pipe would keep every request waiting
        raise ValueError("the file cannot be read: it is not a file")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"the file has more than {MOST_BYTES:,} bytes")
    return content.removeprefix(codecs.BOM_UTF8)


class Revocations:
    """The file as it is now. While it cannot be read, what it said last counts."""

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Read it. Raises ValueError."""
        self._path = path
        self._clock = clock
        self._seen = self._refused = self._stamp()
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
        try:
            self._revoked = read_revoked(self._path)
        except ValueError as error:  # told once; it is tried again, for rights on a file do not change its stamp
            if stamp != self._refused:
                structlog.get_logger().error(
                    "revoked tokens not read: the list that was read last counts", fault=str(error)
                )
            self._refused = stamp
        else:
            self._seen = self._refused = stamp
            structlog.get_logger().info("revoked tokens read", ids=len(self._revoked.ids))

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = Path(self._path).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
