"""Certificates for tests, made as `leadsync certs` makes them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from leadsync_cli.certs.authority import Pair, make_leaf
from leadsync_cli.certs.folder import Wanted, ensure_certificates

FILES = {"LEADSYNC_TLS_CERT": "tls.crt", "LEADSYNC_TLS_KEY": "tls.key", "LEADSYNC_TLS_CA": "ca.crt"}


def make(folder: Path, *services: str, force: bool = False) -> Path:
    """Make the certificates of services in a folder, or renew them; gives the folder."""
    ensure_certificates(folder, Wanted(services, force=force), datetime.now(UTC))
    return folder


def make_ended(folder: Path, service: str) -> None:
    """Replace the leaf of a service by one that ended yesterday."""
    ca = Pair.of_pem((folder / "ca.crt").read_bytes(), (folder / "ca.key").read_bytes())
    put(folder / service, make_leaf(ca, service, [], datetime.now(UTC) - timedelta(days=10), 9))


def put(home: Path, leaf: Pair) -> None:
    """Write the leaf and the key of a service's folder."""
    (home / "tls.key").write_text(leaf.key_pem, encoding="ascii")
    (home / "tls.crt").write_text(leaf.certificate_pem, encoding="ascii")


def variables(folder: Path, service: str) -> dict[str, str]:
    """The environment of a service."""
    return {name: str(folder / service / file) for name, file in FILES.items()}
