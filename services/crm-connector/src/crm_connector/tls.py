"""TLS between the services: the files of this one, checked, and read again when they are renewed.

Each service has this file: a test compares them.
"""

import codecs
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import structlog

VARIABLES = ("LEADSYNC_TLS_CERT", "LEADSYNC_TLS_KEY", "LEADSYNC_TLS_CA")
LAST_DAYS = 14  # before the end of a certificate, on each of which this is told
DAY = 86_400  # seconds
LOOK_SECONDS = 1.0  # how often the files are looked at, while there are calls
MOST_BYTES = 1_000_000  # of a file; a wrong path must not fill the memory
_TOO_OLD, _TOO_NEW = 10, 9  # OpenSSL's codes
# How a key of a kind begins in a certificate (DER): OpenSSL takes them, gRPC does not, so nobody could connect.
_NOT_FOR_GRPC = {
    "Ed25519": bytes.fromhex("300506032b6570032100"),
    "Ed448": bytes.fromhex("300506032b6571033a00"),
    "P-521": bytes.fromhex("06052b8104002303818600"),
}
_HANDSHAKE_STEPS = 4
ENDS_METRIC = "leadsync_tls_certificate_ends_timestamp_seconds", "When this service's own certificate ends"

Stamp = tuple[tuple[int, int, int], ...]


class TlsError(Exception):
    """The files cannot be used; the message says why, in plain words, and names the variable."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a service shows of itself, and whom it trusts, as PEM."""

    certificate: bytes
    key: bytes = field(repr=False)
    ca: bytes
    ends: str  # of the certificate, such as `Feb 28 04:23:46 2027 GMT`


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The files of a service: its certificate, the key of this, and the CA that signs those of all services."""

    service: str
    certificate: Path
    key: Path
    ca: Path

    def read(self) -> Identity:
        """Read the files. Raises TlsError unless they can be used now, and name this service."""
        contents = self._contents()
        shown, certificate = _handshake(*self._contexts(contents[2]))
        if contents != self._contents():
            raise TlsError(f"{VARIABLES[0]}: the files are being renewed just now")
        names = [str(name) for kind, name in shown.get("subjectAltName", ()) if kind == "DNS"]
        if self.service not in names:
            found = ", ".join(names) or "nobody"
            raise TlsError(f"{VARIABLES[0]}: is the certificate of {found}; it needs the DNS name {self.service}")
        if (kind := next((kind for kind, key in _NOT_FOR_GRPC.items() if key in certificate), None)) is not None:
            raise TlsError(f"{VARIABLES[1]}: gRPC takes no {kind} key; use ECDSA with P-256 or P-384, or RSA")
        return Identity(*contents, ends=str(shown["notAfter"]))

    def stamp(self) -> Stamp | None:
        """Return what tells whether a file has changed; None if one cannot be seen."""
        try:
            seen = [path.stat() for path in (self.certificate, self.key, self.ca)]
        except OSError:
            return None
        return tuple((file.st_mtime_ns, file.st_ino, file.st_size) for file in seen)

    def _contents(self) -> tuple[bytes, bytes, bytes]:
        return _read(VARIABLES[0], self.certificate), _read(VARIABLES[1], self.key), _read(VARIABLES[2], self.ca)

    def _contexts(self, ca: bytes) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        """Make both sides of a connection of this service with itself."""
        server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname, server.verify_mode = False, ssl.CERT_REQUIRED
        for context in (server, client):
            try:
                context.load_verify_locations(cadata=ca.decode("ascii", errors="ignore"))  # comments
            except (ssl.SSLError, ValueError):
                raise TlsError(f"{VARIABLES[2]}: {self.ca} holds no certificate (PEM)") from None
            try:
                context.load_cert_chain(self.certificate, self.key, password="")  # so it never asks for one
            except (ssl.SSLError, OSError) as error:
                raise TlsError(_unusable(error)) from None
        return server, client


def read_tls(env: Mapping[str, str], service: str, faults: list[str]) -> TlsFiles | None:
    """Return the files that the variables name; None if none is set: no TLS. Whatever is wrong is added to `faults`."""
    given = [env.get(name, "").strip() for name in VARIABLES]
    if not any(given):
        return None
    missing = [name for name, path in zip(VARIABLES, given, strict=True) if not path]
    if missing:
        faults.append(f"{', '.join(missing)}: is missing; set all three LEADSYNC_TLS_ variables, or none")
        return None
    certificate, key, ca = map(Path, given)
    files = TlsFiles(service, certificate, key, ca)
    try:
        files.read()
    except TlsError as error:
        faults.append(str(error))
    return files


def needed(host: str) -> bool:
    """Whether others than this machine can reach this host or address, so that TLS is needed."""
    try:
        return not ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host != "localhost"


class Renewed:
    """What the files hold, read again when they change; what cannot be used is told once, and the last good one stays.

    Each day of the last two weeks of a certificate is told too. Threads may share it.
    """

    def __init__(
        self, files: TlsFiles, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        """Read the files. Raises TlsError."""
        self._files, self._clock, self._now, self._lock = files, clock, now, threading.Lock()
        self._told_days = LAST_DAYS
        self._stamp, self._refused = files.stamp(), files.stamp()
        self._identity, self._next_look = files.read(), clock() + LOOK_SECONDS

    def identity(self) -> Identity:
        """Return what counts now."""
        with self._lock:
            if self._clock() >= self._next_look:
                self._next_look = self._clock() + LOOK_SECONDS
                self._look()
                self._tell_end()
            return self._identity

    def ends_at(self) -> float:
        """Return when the certificate that counts now ends, as seconds since 1970."""
        return float(ssl.cert_time_to_seconds(self.identity().ends))

    def _tell_end(self) -> None:
        days = int((ssl.cert_time_to_seconds(self._identity.ends) - self._now()) // DAY)
        if days < self._told_days:
            log = structlog.get_logger()
            log.warning("The TLS certificate ends soon: renew it", days_left=max(0, days), ends=self._identity.ends)
        self._told_days = min(days, LAST_DAYS)

    def _look(self) -> None:
        stamp = self._files.stamp()
        if stamp == self._stamp:
            return
        log = structlog.get_logger()
        try:
            self._identity = self._files.read()
        except TlsError as error:
            if stamp != self._refused:
                log.warning("The renewed TLS files cannot be used, the last good ones still are", fault=str(error))
            self._refused = stamp
            return
        self._stamp = stamp
        log.info("The TLS files were renewed", ends=self._identity.ends)


def _read(variable: str, path: Path) -> bytes:
    """Read a file, which a pipe is not: it would keep the process waiting. What editors put at the beginning goes."""
    try:
        if path.exists() and not path.is_file():
            raise TlsError(f"{variable}: {path} is not a file")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise TlsError(f"{variable}: {path} cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise TlsError(f"{variable}: {path} has more than {MOST_BYTES:,} bytes")
    return content.removeprefix(codecs.BOM_UTF8)


def _unusable(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return f"{VARIABLES[1]}: is not the key of {VARIABLES[0]}"
    return f"{VARIABLES[0]}, {VARIABLES[1]}: hold no certificate with its key (PEM, without a passphrase)"


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[dict[str, Any], bytes]:
    """Let both sides meet in memory, which finds what would fail later. Returns the certificate that was shown."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True)
    try:
        for _ in range(_HANDSHAKE_STEPS):
            for side in sides:
                with suppress(ssl.SSLWantReadError):
                    side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        kind = {_TOO_OLD: "has ended: renew it", _TOO_NEW: "is not valid yet: check the clocks"}
        why = kind.get(error.verify_code, f"is not accepted by {VARIABLES[2]}: {error.verify_message}")
        raise TlsError(f"{VARIABLES[0]}: {why}") from None
    except ssl.SSLError as error:
        raise TlsError(f"{VARIABLES[0]}: cannot be used: {error.reason}") from None
    return dict(sides[0].getpeercert() or {}), sides[0].getpeercert(binary_form=True) or b""
