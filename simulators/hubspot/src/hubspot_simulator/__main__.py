"""`python -m hubspot_simulator`: start the simulator and serve until told to stop."""

import logging
import os
import sys

import uvicorn

from hubspot_simulator.core.simulator import Simulator
from hubspot_simulator.http.app import build_app
from hubspot_simulator.http.cutting import CuttableProtocol
from hubspot_simulator.settings import settings_from


def main() -> None:
    """Read the environment and serve."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = settings_from(os.environ)
    except ValueError as error:
        sys.exit(f"hubspot-simulator: {error}")
    config = uvicorn.Config(
        build_app(Simulator(settings)),
        host=settings.host,
        port=settings.port,
        http=CuttableProtocol,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    logging.getLogger(__name__).info("HubSpot simulator on http://%s:%s", settings.host, settings.port)
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
