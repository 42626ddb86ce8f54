"""The file of revoked tokens that the gateway reads: `{"ids": ["…"], "notBefore": {"<tenant>": "<time>"}}`."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.keys import write_private

MOST_IDS = 10_000  # the gateway reads all of them again after each change
LONGEST_NAME = 128  # characters of an id or a tenant


@dataclass(frozen=True, slots=True)
class Revoked:
    """What the file says."""

    ids: tuple[str, ...] = ()
    not_before: dict[str, datetime] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file; one that is not there revokes nothing. Raises CommandError if it is no such list."""
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            revoked = cls(_ids(said.pop("ids", [])), _times(said.pop("notBefore", {})))
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise CommandError("unreadable_file", f"{path}: {error.strerror}.", Exit.USAGE) from None
        except (ValueError, AttributeError, TypeError, RecursionError):
            raise _damaged(path) from None
        if said:
            raise _damaged(path)
        return revoked

    def with_ids(self, ids: list[str]) -> Self:
        """The same, and these tokens are revoked. Raises CommandError if there are too many."""
        every = tuple(dict.fromkeys([*self.ids, *ids]))
        if len(every) > MOST_IDS:
            detail = f"The file holds {MOST_IDS:,} ids. `leadsync tokens revoke-before` revokes all of a tenant."
            raise CommandError("too_many_revoked", detail, Exit.CONFLICT)
        return replace(self, ids=every)

    def with_limit(self, tenant: str, at: datetime) -> Self:
        """The same, and no token of the tenant counts that was made before then. An earlier limit changes nothing."""
        return replace(self, not_before=self.not_before | {tenant: max(at, self.not_before.get(tenant, at))})

    def document(self) -> dict[str, Any]:
        """The file's JSON."""
        return {"ids": list(self.ids), "notBefore": {tenant: at.isoformat() for tenant, at in self.not_before.items()}}


def change(path: Path, to: Callable[[Revoked], Revoked]) -> Revoked:
    """Change the file, one command after the other; answers what it says now.

    It appears whole, and keeps its mode. Raises CommandError.
    """
    try:
        with _alone(path.parent):
            before = Revoked.read(path)
            after = to(before)
            if after != before or not path.exists():
                mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
                write_private(path, json.dumps(after.document(), indent=2), replace=True, mode=mode)
    except OSError as error:
        raise CommandError("unwritable_file", f"{error.filename or path}: {error.strerror}.", Exit.USAGE) from None
    return after


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other commands from the folder: of two changes at the same time one would be lost."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _ids(said: Any) -> tuple[str, ...]:
    if not (isinstance(said, list) and all(isinstance(one, str) for one in said)):
        raise ValueError
    return tuple(said)


def _times(said: Any) -> dict[str, datetime]:
    times = {tenant: datetime.fromisoformat(at) for tenant, at in said.items()}
    if any(at.tzinfo is None for at in times.values()):
        raise ValueError
    return times


def _damaged(path: Path) -> CommandError:
    detail = f"{path} is no list of revoked tokens.\nRestore it from a backup, for what it revoked has to stay revoked."
    return CommandError("damaged_file", detail, Exit.USAGE)
