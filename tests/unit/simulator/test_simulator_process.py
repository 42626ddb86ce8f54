"""The simulator as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from hubspot_simulator.client import ControlClient
from hubspot_simulator.settings import Settings, settings_from
from unit.simulator.support import CONTACTS, Receiver, wait_until


def answers(url: str) -> bool:
    """Whether the simulator answers."""
    try:
        return httpx.get(f"{url}/_control", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_starts_from_the_environment_and_stops_on_sigterm(tmp_path: Path) -> None:
    """`python -m hubspot_simulator` takes its account from SIMULATOR_* and stops soon, also with work in flight."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"SIMULATOR_PORT": str(port), "SIMULATOR_TOKEN": "pat-own", "SIMULATOR_PORTAL_ID": "42"}
    command = [sys.executable, "-m", "hubspot_simulator"]
    with Receiver() as target, (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **own}, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: answers(url))
            header = {"Authorization": "Bearer pat-own"}
            assert httpx.get(f"{url}/account-info/v3/details", headers=header).json()["portalId"] == 42
            target.seconds = 1
            with ControlClient(url) as control:
                control.set_webhooks(target.url, [{"eventType": "contact.creation"}])
                control.create_contact({"firstname": "Ada"})
            wait_until(lambda: target.in_flight == 1)
            assert httpx.get(f"{url}{CONTACTS}", headers=header).status_code == 200
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=5)
        finally:
            process.kill()
            process.wait()
    assert b"Traceback" not in (tmp_path / "log").read_bytes()


def test_settings_fall_back_and_complain() -> None:
    """An empty variable keeps the default; a port that is no number is refused by name."""
    assert settings_from({"SIMULATOR_TOKEN": ""}) == Settings()
    with pytest.raises(ValueError, match="SIMULATOR_PORT"):
        settings_from({"SIMULATOR_PORT": "many"})
