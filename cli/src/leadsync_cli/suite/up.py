"""`leadsync up`: prepare the data directory, run variables, connect the account, stop cleanly."""

import asyncio
import getpass
import signal
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from urllib.parse import urlsplit

from leadsync_cli.crms.hubspot.local import NAME
from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.gateway.client import LOOPBACK
from leadsync_cli.keys import KEY_FILES, in_data_dir, make_private_dir, suite_keys, write_private
from leadsync_cli.settings import Settings
from leadsync_cli.suite import tls
from leadsync_cli.suite.catalogue import (
    SECRETS,
    components,
    gateway_url,
    simulator_url,
    suite_environment,
    wanted_ports,
)
from leadsync_cli.suite.connect import ensure_integration
from leadsync_cli.suite.disk import check_room, watch_room
from leadsync_cli.suite.events import Reporter
from leadsync_cli.suite.lock import locked
from leadsync_cli.suite.ports import check_ports
from leadsync_cli.suite.probes import mongo_probe, until_ready
from leadsync_cli.suite.supervisor import Supervisor
from leadsync_cli.tokens import Role, console_link, make_token

DATABASE_SECONDS = 10.0
TOKEN_LIFETIME = timedelta(days=30)  # renewed at each start


def run_suite(settings: Settings, reporter: Reporter) -> None:
    """Run the suite until SIGINT, SIGTERM or SIGHUP.

    Raises CommandError: port_taken, already_running, data_dir_unusable, disk_full, key_missing, damaged_key_file,
    ca_unusable, invalid_configuration, database_unreachable, cannot_start.
    """
    with ExitStack() as stack:
        with in_data_dir(settings.data_dir):
            keys, token = _prepare(settings, stack)
        own = keys | {"LEADSYNC_REVOKED_TOKENS": str(settings.revoked_tokens_file)}
        asyncio.run(_supervise(settings, suite_environment(settings, own), token, reporter))


def _prepare(settings: Settings, stack: ExitStack) -> tuple[dict[str, str], str]:
    """Lock the data directory until the stack closes, and make in it what is missing: the keys, and a new token."""
    data_dir, database = settings.data_dir, settings.data_dir / "mongo"
    for name in SECRETS:
        settings.secret(name)  # refused here, before anything has been started
    make_private_dir(data_dir)
    stack.enter_context(locked(data_dir))
    check_room(data_dir, settings.least_free_mb)
    check_ports(wanted_ports(settings))
    tls.prepare(settings)
    has_data = settings.embedded_database and database.exists() and any(database.iterdir())
    for folder in (database, data_dir / "logs"):
        make_private_dir(folder)
    given = {name: settings.secret(name) for name in KEY_FILES}
    keys = suite_keys(data_dir, given, has_data=has_data, accept_new=settings.accept_new_keys)
    signing, lifetime = keys["LEADSYNC_TOKEN_KEY"], TOKEN_LIFETIME
    token = make_token(signing, tenant="default", role=Role.ADMIN, subject="leadsync-up", lifetime=lifetime)
    write_private(settings.admin_token_file, token, replace=True)
    if "LEADSYNC_REVOKED_TOKENS" not in settings.environment and not settings.revoked_tokens_file.exists():
        write_private(settings.revoked_tokens_file, "{}", replace=False)
    return keys, token


async def _check_database(settings: Settings) -> None:
    """Raise CommandError if the user's own database does not answer. Its address may hold a password: never shown."""
    probe = mongo_probe(settings.secret("MONGO_URL"), settings.secret("MONGO_PASSWORD"))
    try:
        await asyncio.wait_for(until_ready(probe), DATABASE_SECONDS)
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
        await _check_database(settings)
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
            console=console_link(
                url, variables["LEADSYNC_TOKEN_KEY"], tenant="default", role=Role.ADMIN, subject=getpass.getuser()
            ),
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
