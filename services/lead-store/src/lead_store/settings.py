"""What can be set from outside. Nothing else reads the environment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from lead_store.domain.retry import PRODUCTION, Waits
from lead_store.mongo.address import with_password
from lead_store.secret_files import find_secret
from lead_store.tls import TlsFiles, read_tls

SHORTEST_LEASE = 12  # seconds; a write's deadline plus 10 s has to fit into it (R4)
SHORTEST_KEY = 32  # characters
MB = 1_000_000  # bytes


class SettingsError(Exception):
    """One or more settings are wrong; the message names all of them."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the service waits, for everything that it waits for. The defaults are those of production."""

    lease: timedelta = timedelta(seconds=60)  # a work item is handed out, and its integration stays with its worker
    waits: Waits = PRODUCTION  # what decisions go by
    look_for_work: timedelta = timedelta(seconds=0.5)  # between two looks while a call waits for work
    ask_each: timedelta = timedelta(seconds=30)  # an integration of which there are no news is asked at least so often
    beside_changes: timedelta = timedelta(seconds=10)  # runs are slow for so long after a change by people
    route_all: timedelta = timedelta(seconds=5)  # without news, deliveries of all accounts are looked for so often
    route_all_busy: timedelta = timedelta(seconds=60)  # and with news: the look takes longer the more of them wait
    route_late: timedelta = timedelta(seconds=30)  # an account that has been behind for longer pauses less
    failed_loop: timedelta = timedelta(seconds=1)  # a background loop pauses so long after a failure
    heartbeat: timedelta = timedelta(seconds=2)  # between two signs that this process lives
    silent: timedelta = timedelta(seconds=15)  # a process without a sign for so long is gone

    def divided_by(self, scale: int) -> "Timing":
        """The same, each wait shorter by this factor. Leases stay: they have a variable of their own."""
        waits = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in {"lease", "waits"}}
        return replace(self, waits=self.waits.divided_by(scale), **{name: wait / scale for name, wait in waits.items()})


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one process."""

    mongo_url: str = field(repr=False)  # may hold a password
    identity_key: bytes = field(repr=False)
    database: str = "leadsync_lead_store"
    host: str = "127.0.0.1"
    port: int = 50051
    metrics_port: int = 0  # 0 = no metrics
    platform: str = "jazzaam"
    timing: Timing = Timing()
    retention: timedelta = timedelta(days=30)  # of deliveries
    quarantine: timedelta = timedelta(days=3)  # of webhook requests that could not be verified
    log_level: str = "INFO"
    least_free: int = 256 * MB  # bytes on the database's disk; with less, nothing new is taken
    accept_new_keys: bool = False  # on a database that was made with another one
    tls: TlsFiles | None = None  # None = plaintext
    database_folder: Path | None = None  # where the database's data lies, if it is on this machine

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read settings; SettingsError names every fault at once."""
        env = {name: value for name, value in env.items() if value}  # an empty variable counts as unset
        faults: list[str] = []
        mongo_url = _secret(env, "MONGO_URL", _mongo_url, faults)
        mongo_url = _secret(env, "MONGO_PASSWORD", lambda text: with_password(mongo_url, text), faults)
        identity_key = _secret(env, "LEADSYNC_IDENTITY_KEY", _key, faults)
        lease = _number(env, "LEADSYNC_LEASE_SECONDS", 60, SHORTEST_LEASE, 3600, faults)
        port = _number(env, "LEAD_STORE_PORT", 50051, 1, 65535, faults)
        metrics_port = _number(env, "LEAD_STORE_METRICS_PORT", 0, 0, 65535, faults)
        # A CRM may repeat a delivery for a day; the same one must be known again for as long.
        retention = _number(env, "LEADSYNC_RETENTION_DAYS", 30, 2, 3650, faults)
        quarantine = _number(env, "LEADSYNC_QUARANTINE_DAYS", 3, 1, 30, faults)
        scale = _number(env, "LEADSYNC_TIME_SCALE", 1, 1, 100, faults)  # for tests: divides every wait
        least_free = _number(env, "LEADSYNC_MIN_FREE_MB", 256, 0, 1_000_000_000, faults)
        folder = env.get("LEADSYNC_DATABASE_FOLDER", "")
        accept_new_keys = _number(env, "LEADSYNC_ACCEPT_NEW_KEYS", 0, 0, 1, faults)
        log_level = env.get("LEADSYNC_LOG_LEVEL", "INFO").upper()
        if log_level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            faults.append("LEADSYNC_LOG_LEVEL: use DEBUG, INFO, WARNING or ERROR")
        tls = read_tls(env, "lead-store", faults)
        if faults:
            raise SettingsError("lead-store cannot start:\n  " + "\n  ".join(faults))
        return cls(
            mongo_url=mongo_url,
            identity_key=identity_key.encode(),
            database=f"{env.get('LEADSYNC_DATABASE_PREFIX', 'leadsync')}_lead_store",
            host=env.get("LEAD_STORE_HOST", "127.0.0.1"),
            port=port,
            metrics_port=metrics_port,
            platform=env.get("LEADSYNC_PLATFORM", "jazzaam"),
            timing=Timing(lease=timedelta(seconds=lease)).divided_by(scale),
            retention=timedelta(days=retention),
            quarantine=timedelta(days=quarantine),
            log_level=log_level,
            least_free=least_free * MB,
            accept_new_keys=accept_new_keys == 1,
            tls=tls,
            database_folder=Path(folder) if folder else None,
        )


def _secret(env: Mapping[str, str], name: str, check: Callable[[str], str], faults: list[str]) -> str:
    try:
        return check(find_secret(env, name))
    except ValueError as error:
        faults.append(f"{name}: {error}")
        return ""


def _mongo_url(text: str) -> str:
    if not text:
        raise ValueError("say where MongoDB is, e.g. mongodb://127.0.0.1:27017/?replicaSet=rs0")
    return text


def _key(text: str) -> str:
    if len(text) < SHORTEST_KEY:
        raise ValueError(f"give a random secret of at least {SHORTEST_KEY} characters")
    return text


def _number(env: Mapping[str, str], name: str, default: int, least: int, most: int, faults: list[str]) -> int:
    try:
        value = int(env.get(name) or default)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        faults.append(f"{name}: use a whole number from {least} to {most}")
    return value
