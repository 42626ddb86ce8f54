"""Start webhook-gateway: `python -m webhook_gateway`. Exit codes: 0 stopped, 1 cannot listen, 2 wrong configuration."""

import asyncio
import os
import signal
import sys

import uvloop

from webhook_gateway import bootstrap, logs
from webhook_gateway.settings import Settings, SettingsError


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await bootstrap.run(settings, stop)


def main() -> int:
    """Read the settings, serve until SIGTERM or SIGINT, and return the exit code."""
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"webhook-gateway cannot start:\n{error}\n")
        return 2
    logs.configure(settings.log_level)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
    except OSError as error:
        sys.stderr.write(f"webhook-gateway cannot listen on {settings.host}:{settings.port}: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
