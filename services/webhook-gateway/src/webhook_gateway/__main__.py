"""Start webhook-gateway: `python -m webhook_gateway`. Exit codes: 0 stopped, 1 cannot listen, 2 wrong configuration."""

import asyncio
import os
import sys

import uvloop

from webhook_gateway import bootstrap, logs, processes
from webhook_gateway.settings import Settings, SettingsError
from webhook_gateway.tls import TlsError


def main() -> int:
    """Read the settings, serve until SIGTERM or SIGINT, and return the exit code."""
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"webhook-gateway cannot start:\n{error}\n")
        return 2
    logs.configure(settings.log_level)
    try:
        _run(settings)
    except TlsError as error:
        sys.stderr.write(f"webhook-gateway cannot start:\n{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"webhook-gateway cannot listen on {_addresses(settings)}: {error.strerror}\n")
        return 1
    return 0


def _addresses(settings: Settings) -> str:
    """Say where it listens."""
    webhooks = f" and {settings.webhook_host}:{settings.webhook_port}" if settings.webhook_port else ""
    return f"{settings.host}:{settings.port}{webhooks}"


def _run(settings: Settings) -> None:
    if settings.processes > 1:
        processes.supervise(settings)
        return
    with (
        bootstrap.listening(settings) as sockets,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(processes.serve(settings, sockets))


if __name__ == "__main__":
    raise SystemExit(main())
