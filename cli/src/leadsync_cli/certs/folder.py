"""The folder of certificates: what is in it stays while it is good, the rest is made anew.

* `ca.crt` and `ca.key`: the CA; its key is needed for nothing but making leaves.
* `<service>/tls.crt`, `tls.key` and `ca.crt`: all that one service needs, and nothing of another one.
* `<service>/tls.pem`: certificate and key in one file, as MongoDB wants them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from leadsync_cli.certs.authority import Pair, is_kept, make_ca, make_leaf, names_of
from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.keys import make_private_dir, write_private

CA_DAYS = 3650
CA_LAST = timedelta(days=180)  # before its end, in which it is time for another one
PLATFORM = "platform"  # who may call the public methods about leads
LOOPBACK = ("localhost", "127.0.0.1", "::1")
PRIVATE, PUBLIC = 0o600, 0o644


@dataclass(frozen=True, slots=True)
class Entry:
    """A certificate of the folder: its file, whether it was made, renewed or kept, and its end."""

    file: str
    state: str
    ends: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to make. `internal` are other services of the platform: their leaves also have the name `platform`.

    With `containers`, the users of containers can read the keys; the folder is closed to others.
    """

    services: Collection[str]
    internal: Collection[str] = ()
    hosts: Collection[str] = ()
    days: int = 90
    force: bool = False
    containers: bool = False


def ensure_certificates(folder: Path, wanted: Wanted, now: datetime) -> list[Entry]:
    """Make what is missing, renew leaves near their end (all of them with `force`), and return all, the CA first.

    Leaves of the folder that were asked for in an earlier run are renewed too.
    The CA is never replaced. Raises CommandError if it is damaged, incomplete or past its end, or the folder
    is not closed to others although containers' users may read the keys.
    """
    make_private_dir(folder)
    if wanted.containers and folder.stat().st_mode & 0o077:
        detail = f"Other users can enter {folder}, so they could read the keys: `chmod 700` it."
        raise CommandError("folder_open", detail, Exit.USAGE)
    ca, state = _ensure_ca(folder, now)
    entries = [Entry("ca.crt", state, ca.ends)]
    for service in dict.fromkeys((*wanted.services, *wanted.internal, *_made_before(folder))):
        home = folder / service
        make_private_dir(home).chmod(0o755 if wanted.containers else 0o700)
        entries.append(_ensure_leaf(home, ca, wanted, now))
    return entries


def _ensure_ca(folder: Path, now: datetime) -> tuple[Pair, str]:
    certificate, key = folder / "ca.crt", folder / "ca.key"
    if not certificate.exists() and not key.exists():
        ca = make_ca(now, CA_DAYS)
        write_private(key, ca.key_pem.strip(), replace=False)
        write_private(certificate, ca.certificate_pem.strip(), replace=False, mode=PUBLIC)
        return ca, "made"
    again = f"Restore it, or remove ca.crt and ca.key in {folder}:\nthen there is a new CA, and every leaf is renewed."
    try:
        ca = Pair.of_pem(certificate.read_bytes(), key.read_bytes())
    except FileNotFoundError as error:
        raise CommandError("ca_unusable", f"{error.filename} is missing.\n{again}", Exit.USAGE) from None
    except (ValueError, TypeError) as error:
        raise CommandError("ca_unusable", f"The CA cannot be read: {error}.\n{again}", Exit.USAGE) from None
    if ca.ends <= now:
        raise CommandError("ca_unusable", f"The CA ended at {ca.ends:%Y-%m-%d}.\n{again}", Exit.USAGE)
    key.chmod(PRIVATE)
    return ca, "kept"


def _ensure_leaf(home: Path, ca: Pair, wanted: Wanted, now: datetime) -> Entry:
    """Keep the leaf of a service, or write a new one; a renewed leaf has all names that it had."""
    roles = [PLATFORM] if home.name in wanted.internal else []
    names = [home.name, *roles, *LOOPBACK, *wanted.hosts]
    leaf, state = _read_leaf(home), "kept"
    if leaf is None or wanted.force or not is_kept(leaf, ca, names, now):
        known = names_of(leaf) if leaf else []
        state = "renewed" if leaf else "made"
        leaf = make_leaf(ca, home.name, list(dict.fromkeys([*names, *known]))[1:], now, wanted.days)
    _write(home, ca, leaf, PUBLIC if wanted.containers else PRIVATE)
    return Entry(f"{home.name}/tls.crt", state, leaf.ends)


def _made_before(folder: Path) -> list[str]:
    return sorted(home.name for home in folder.iterdir() if home.is_dir() and _read_leaf(home) is not None)


def _read_leaf(home: Path) -> Pair | None:
    try:
        return Pair.of_pem((home / "tls.crt").read_bytes(), (home / "tls.key").read_bytes())
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _write(home: Path, ca: Pair, leaf: Pair, key_mode: int) -> None:
    """Write the files of a service that are not as they should be; the key first, so the pair is never for long odd."""
    contents = {
        "tls.key": (leaf.key_pem, key_mode),
        "tls.crt": (leaf.certificate_pem, PUBLIC),
        "tls.pem": (leaf.certificate_pem + leaf.key_pem, key_mode),
        "ca.crt": (ca.certificate_pem, PUBLIC),
    }
    for name, (text, mode) in contents.items():
        path = home / name
        if path.exists() and path.read_text(encoding="ascii", errors="replace") == text:
            path.chmod(mode)
        else:
            write_private(path, text.strip(), replace=True, mode=mode)
