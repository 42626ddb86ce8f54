"""TLS of the suite on this machine: `LEADSYNC_TLS=on` gives each program a certificate of its own."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc

from leadsync_cli.certs import FILES, SERVICES
from leadsync_cli.errors import ConfigurationError
from leadsync_cli.settings import Settings

DATABASE = "mongo"


def prepare(settings: Settings) -> None:
    """Make the certificates that are missing, and renew those near their end, if TLS is on.

    Raises CommandError if the CA is damaged, or if variables of a single service are set.
    """
    if given := [name for name in _variables(Path()) if name in settings.environment]:
        detail = (
            f"{', '.join(given)}: these are for a single service. LEADSYNC_TLS=on makes certificates for all of them."
        )
        raise ConfigurationError([detail])
    if settings.tls:
        from leadsync_cli.certs.folder import Wanted, ensure_certificates  # noqa: PLC0415 (takes long to load)

        ensure_certificates(settings.tls_dir, Wanted(SERVICES), datetime.now(UTC))


def home_of(settings: Settings, service: str) -> Path | None:
    """Return the folder with the files of a service; None without TLS."""
    return settings.tls_dir / service if settings.tls else None


def variables_of(settings: Settings, service: str) -> Mapping[str, str]:
    """Return the variables that name the files of a service; none without TLS."""
    home = home_of(settings, service)
    return _variables(home) if home and service in SERVICES else {}


def database_options(settings: Settings) -> tuple[str, ...]:
    """Return the options of the embedded database."""
    home = home_of(settings, DATABASE)
    return ("--tls-cert-file", str(home / "tls.crt"), "--tls-key-file", str(home / "tls.key")) if home else ()


def database_query(settings: Settings) -> str:
    """Return what the address of the embedded database says about TLS."""
    home = home_of(settings, DATABASE)
    return f"&tls=true&tlsCAFile={quote(str(home / 'ca.crt'))}" if home else ""


def open_channel(port: int, home: Path | None) -> grpc.aio.Channel:
    """Open a channel to a service on this machine; with TLS, with the service's own certificate and name."""
    target = f"127.0.0.1:{port}"
    if home is None:
        return grpc.aio.insecure_channel(target)
    shown: tuple[Any, ...] = tuple((home / FILES[name]).read_bytes() for name in ("CA", "KEY", "CERT"))
    options = [("grpc.ssl_target_name_override", home.name)]
    return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(*shown), options=options)


def _variables(home: Path) -> dict[str, str]:
    return {f"LEADSYNC_TLS_{name}": str(home / file) for name, file in FILES.items()}
