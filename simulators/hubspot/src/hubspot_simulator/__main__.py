"""`python -m hubspot_simulator`. Exit codes: 0 stopped, 1 cannot listen or save, 2 wrong settings or state file."""

import logging
import os
import signal
import sys

import uvicorn

from hubspot_simulator.core.simulator import Simulator
from hubspot_simulator.http.app import build_app
from hubspot_simulator.http.cutting import CuttableProtocol
from hubspot_simulator.settings import Settings, settings_from
from hubspot_simulator.state_file import StateError, StateFile


def main() -> int:
    """Read the environment and the state file, serve until SIGTERM or SIGINT, and return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = settings_from(os.environ)
        simulator = Simulator(settings)
        keeper = StateFile(settings.state, simulator) if settings.state else None
        if keeper:
            keeper.open()
    except (ValueError, StateError) as error:
        return _refused(error, 2)
    if not _serve(settings, simulator, keeper):
        return 1
    try:
        if keeper:
            keeper.close()
    except StateError as error:
        return _refused(error, 1)
    return 0


def _serve(settings: Settings, simulator: Simulator, keeper: StateFile | None) -> bool:
    """Serve until stopped; return whether it ever served."""
    config = uvicorn.Config(
        build_app(simulator, keeper),
        host=settings.host,
        port=settings.port,
        http=CuttableProtocol,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal once more for the handler of before, which by default would end us with -15.
        signal.signal(number, server.handle_exit)
    logging.getLogger(__name__).info("HubSpot simulator on http://%s:%s", settings.host, settings.port)
    server.run()
    return server.started


def _refused(error: Exception, code: int) -> int:
    sys.stderr.write(f"hubspot-simulator: {error}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
