"""Everything that the environment can set, read once at the start."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to listen, and the account and app that exist from the start."""

    host: str = "127.0.0.1"
    port: int = 8090
    portal_id: int = 48975575
    app_id: int = 39522895
    token: str = "pat-na1-simulator"  # noqa: S105 - of the simulator
    refresh_token: str = "na1-simulator-refresh-token"  # noqa: S105 - of the simulator
    client_id: str = "simulator-client-id"
    client_secret: str = "simulator-secret"  # noqa: S105 - of the simulator
    developer_key: str = "simulator-developer-key"
    seed: int = 0
    state: Path | None = None
    """The state file; without one everything is forgotten at the end."""


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read SIMULATOR_* variables; an empty or missing one keeps the default.

    Raises ValueError in plain words for a number that is none.
    """
    default = Settings()

    def text(name: str, fallback: str) -> str:
        return environment.get(f"SIMULATOR_{name}", "") or fallback

    def number(name: str, fallback: int) -> int:
        given = text(name, str(fallback))
        if not given.isdecimal():
            raise ValueError(f"SIMULATOR_{name} must be a whole number, not {given!r}")
        return int(given)

    return Settings(
        host=text("HOST", default.host),
        port=number("PORT", default.port),
        portal_id=number("PORTAL_ID", default.portal_id),
        app_id=number("APP_ID", default.app_id),
        token=text("TOKEN", default.token),
        refresh_token=text("REFRESH_TOKEN", default.refresh_token),
        client_id=text("CLIENT_ID", default.client_id),
        client_secret=text("CLIENT_SECRET", default.client_secret),
        developer_key=text("DEVELOPER_KEY", default.developer_key),
        seed=number("SEED", default.seed),
        state=Path(state) if (state := text("STATE", "")) else None,
    )
