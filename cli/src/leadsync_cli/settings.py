"""Everything that the command line reads from the environment, read once at the start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from leadsync_cli.crms.hubspot.local import ACCESS_TOKEN
from leadsync_cli.errors import ConfigurationError
from leadsync_cli.secret_files import find_secret


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each process listens, all on 127.0.0.1."""

    gateway: int = 8080
    lead_store: int = 50051
    crm_connector: int = 50052
    simulator: int = 8090
    mongo: int = 27117


LONGEST_NUMBER = 9  # digits
PORT_VARIABLES = {
    "gateway": "GATEWAY_PORT",
    "lead_store": "LEAD_STORE_PORT",
    "crm_connector": "CRM_CONNECTOR_PORT",
    "simulator": "SIMULATOR_PORT",
    "mongo": "MONGO_PORT",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The suite as configured. Whatever may hold a secret is kept out of the repr."""

    data_dir: Path
    ports: Ports
    simulator: bool
    platform: str
    url: str
    embedded_database: bool
    tls: bool = False  # between the programs of `leadsync up`
    accept_new_keys: bool = False  # where a key file is missing beside an existing database
    least_free_mb: int = 256  # on the disk of the data directory; with less, nothing new is taken
    token: str = field(default="", repr=False)
    crm_secret: str = field(default="", repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables; an empty one counts as unset.

        Raises ConfigurationError with every fault at once, in plain words.
        """
        given = {name: value.strip() for name, value in environment.items() if value.strip()}
        faults: list[str] = []
        ports = Ports(**{name: _port(given, name, faults) for name in PORT_VARIABLES})
        simulator = _simulator(given, faults)
        tls = given.get("LEADSYNC_TLS", "off").lower()
        if tls not in {"on", "off"}:
            faults.append(f"LEADSYNC_TLS must be on or off, not {tls!r}.")
        least_free = given.get("LEADSYNC_MIN_FREE_MB", "256")
        if not (least_free.isascii() and least_free.isdecimal() and len(least_free) <= LONGEST_NUMBER):
            faults.append(f"LEADSYNC_MIN_FREE_MB must be a whole number of megabytes, not {least_free!r}.")
        data_dir = _folder(given, "LEADSYNC_DATA_DIR", ".leadsync", faults)
        if faults:
            raise ConfigurationError(faults)
        return cls(
            data_dir=data_dir,
            ports=ports,
            simulator=simulator,
            platform=given.get("LEADSYNC_PLATFORM", "jazzaam"),
            url=given.get("LEADSYNC_URL", f"http://127.0.0.1:{ports.gateway}").rstrip("/"),
            embedded_database=not _is_given(given, "MONGO_URL"),
            tls=tls == "on",
            accept_new_keys=given.get("LEADSYNC_ACCEPT_NEW_KEYS") == "1",
            least_free_mb=int(least_free),
            token=given.get("LEADSYNC_TOKEN", ""),
            crm_secret=given.get("LEADSYNC_CRM_SECRET", ""),
            environment=given,
        )

    def secret(self, name: str) -> str:
        """Return a secret from its variable or the file that NAME_FILE names; empty if neither is set.

        Raises ConfigurationError if both are, or the file cannot be used.
        """
        try:
            return find_secret(self.environment, name)
        except ValueError as error:
            raise ConfigurationError([f"{name} {error}."]) from None

    @property
    def admin_token_file(self) -> Path:
        """File into which `leadsync up` writes the token of an administrator of tenant `default`."""
        return self.data_dir / "admin-token"

    @property
    def revoked_tokens_file(self) -> Path:
        """File of revoked tokens that the gateway reads."""
        return Path(self.environment.get("LEADSYNC_REVOKED_TOKENS", self.data_dir / "revoked-tokens.json"))

    @property
    def tls_dir(self) -> Path:
        """Folder of certificates, as `leadsync certs` makes them."""
        return self.data_dir / "tls"


def _port(given: Mapping[str, str], name: str, faults: list[str]) -> int:
    """Return the port that the variable sets, or the default; add a fault if the value is no port."""
    variable = PORT_VARIABLES[name]
    default: int = getattr(Ports(), name)
    text = given.get(variable, str(default))
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    faults.append(f"{variable} must be a port between 1 and 65535, not {text!r}.")
    return default


def _folder(given: Mapping[str, str], variable: str, default: str, faults: list[str]) -> Path:
    """Return the folder that the variable names; add a fault if its ~user is unknown, or there is no present folder."""
    try:
        return Path(given.get(variable, default)).expanduser().absolute()
    except (RuntimeError, OSError):
        faults.append(f"{variable} must be a folder; {given.get(variable, default)!r} leads nowhere.")
        return Path(default)


def _simulator(given: Mapping[str, str], faults: list[str]) -> bool:
    """Return whether the simulator runs: as LEADSYNC_SIMULATOR says, else when no token of a real account is set."""
    wanted = given.get("LEADSYNC_SIMULATOR", "").lower()
    if wanted not in {"", "on", "off"}:
        faults.append(f"LEADSYNC_SIMULATOR must be on or off, not {wanted!r}.")
    return wanted == "on" if wanted else not _is_given(given, ACCESS_TOKEN)


def _is_given(given: Mapping[str, str], secret: str) -> bool:
    """Return whether a secret is set, as a value or as a file."""
    return secret in given or f"{secret}_FILE" in given
