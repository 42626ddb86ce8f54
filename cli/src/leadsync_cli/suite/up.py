"""`leadsync up`: prepare the data directory, run variables, connect the account, stop cleanly."""

import asyncio
import signal
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from leadsync_cli.crms.hubspot.local import NAME
from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.gateway.client import LOOPBACK
from leadsync_cli.keys import make_private_dir, suite_keys, write_private
from leadsync_cli.settings import Settings
from leadsync_cli.suite.catalogue import components, gateway_url, simulator_url, suite_environment, wanted_ports
from leadsync_cli.suite.connect import ensure_integration
from leadsync_cli.suite.disk import check_room, watch_room
from leadsync_cli.suite.events import Reporter
from leadsync_cli.suite.lock import locked
from leadsync_cli.suite.ports import check_ports
from leadsync_cli.suite.probes import mongo_probe, until_ready
from leadsync_cli.suite.supervisor import Supervisor
from leadsync_cli.tokens import Role, make_token

DATABASE_SECONDS = 10.0
TOKEN_LIFETIME = timedelta(days=30)  # renewed at each start


def run_suite(settings: Settings, reporter: Reporter) -> None:
    """Run the suite until SIGINT, SIGTERM or SIGHUP.

    Raises CommandError: port_taken, already_running, disk_full, key_missing, damaged_key_file, database_unreachable,
    cannot_start.
    """
    make_private_dir(settings.data_dir)
    check_room(settings.data_dir, settings.least_free_mb)
    with locked(settings.data_dir):
        check_ports(wanted_ports(settings))
        database = settings.data_dir / "mongo"
        has_data = settings.embedded_database and database.exists() and any(database.iterdir())
        for folder in ("mongo", "logs"):
            make_private_dir(settings.data_dir / folder)
        accept_new = settings.accept_new_keys
        keys = suite_keys(settings.data_dir, settings.environment, has_data=has_data, accept_new=accept_new)
        token = make_token(
            keys["LEADSYNC_TOKEN_KEY"],
            tenant="default",
            role=Role.ADMIN,
            subject="leadsync-up",
            lifetime=TOKEN_LIFETIME,
        )
        write_private(settings.admin_token_file, token, replace=True)
        asyncio.run(_supervise(settings, suite_environment(settings, keys), token, reporter))


async def _check_database(mongo_url: str) -> None:
    """Raise CommandError if the user's own database does not answer. Its address may hold a password: never shown."""
    try:
        await asyncio.wait_for(until_ready(mongo_probe(mongo_url)), DATABASE_SECONDS)
    except TimeoutError:
        detail = "The server of MONGO_URL does not answer as a primary that takes writes."
        raise CommandError("database_unreachable", detail, Exit.UNREACHABLE) from None


def _hint(settings: Settings, api_url: str) -> str | None:
    """Say why a real CRM cannot call us, if that is certain."""
    if settings.simulator or urlsplit(api_url).hostname not in LOOPBACK:
        return None
    return f"{NAME} cannot call {api_url}: set API_URL to a public address that leads here."


async def _supervise(settings: Settings, variables: Mapping[str, str], token: str, reporter: Reporter) -> None:
    log_dir = settings.data_dir / "logs"
    if not settings.embedded_database:
        await _check_database(variables["MONGO_URL"])
    supervisor = Supervisor(components(settings, variables), log_dir, reporter)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, supervisor.request_stop)
    reporter.report("starting", data_dir=str(settings.data_dir))

    async def greet() -> None:
        """Connect the account, then report the addresses."""
        url = gateway_url(settings.ports)
        await ensure_integration(url, token, variables, reporter, simulated=settings.simulator)
        reporter.report(
            "up",
            url=url,
            simulator=simulator_url(settings.ports) if settings.simulator else None,
            token_file=str(settings.admin_token_file),
            logs=str(log_dir),
            hint=_hint(settings, variables["API_URL"]),
        )

    watching = asyncio.create_task(watch_room(settings.data_dir, settings.least_free_mb, reporter))
    try:
        await supervisor.run(greet)
    finally:
        watching.cancel()
