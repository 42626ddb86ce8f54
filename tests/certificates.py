"""Certificates for tests, made as `leadsync certs` makes them."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
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


def make_last(folder: Path, service: str, days: int) -> None:
    """Replace the leaf of a service by one that lasts for so many days."""
    ca = Pair.of_pem((folder / "ca.crt").read_bytes(), (folder / "ca.key").read_bytes())
    put(folder / service, make_leaf(ca, service, [], datetime.now(UTC), days))


def make_with_names(folder: Path, service: str, names: Collection[str]) -> Path:
    """Make the certificate of a service with these names too; gives the folder."""
    ensure_certificates(folder, Wanted([service], hosts=names), datetime.now(UTC))
    return folder


def make_named(folder: Path, service: str, name: str) -> Path:
    """Make the certificate of a folder for a name that `leadsync certs` would refuse; gives the folder."""
    ca = Pair.of_pem((folder / "ca.crt").read_bytes(), (folder / "ca.key").read_bytes())
    (folder / service).mkdir(exist_ok=True)
    put(folder / service, make_leaf(ca, name, [], datetime.now(UTC), 9))
    return folder


def put(home: Path, leaf: Pair) -> None:
    """Write the leaf and the key of a service's folder."""
    (home / "tls.key").write_text(leaf.key_pem, encoding="ascii")
    (home / "tls.crt").write_text(leaf.certificate_pem, encoding="ascii")


def variables(folder: Path, service: str) -> dict[str, str]:
    """The environment of a service."""
    return {name: str(folder / service / file) for name, file in FILES.items()}


def with_key(home: Path, folder: Path, service: str, key: Any, signer: Any = None) -> Path:
    """Make the files of a service for a key of any kind, signed by the folder's CA or by a new one with this key."""
    known = Pair.of_pem((folder / "ca.crt").read_bytes(), (folder / "ca.key").read_bytes())
    ca = _certificate("other CA", signer, "other CA", signer, True) if signer else known.certificate
    issuer = ca.subject.rfc4514_string().removeprefix("CN=")
    leaf = _certificate(service, key, issuer, signer or known.key, False)
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    home.mkdir(exist_ok=True)
    (home / "tls.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, none))
    (home / "tls.crt").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    (home / "ca.crt").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    return home


def _certificate(name: str, key: Any, issuer: str, signer: Any, ca: bool) -> x509.Certificate:
    now = datetime.now(UTC)
    named = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in (name, issuer)]
    return (
        x509.CertificateBuilder(issuer_name=named[1], subject_name=named[0], public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name.replace(" ", "-"))]), critical=False)
        .sign(signer, hashes.SHA256() if hasattr(signer, "curve") else None)
    )
