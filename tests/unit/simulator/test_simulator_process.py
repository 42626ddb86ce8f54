"""The simulator as a separate process."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from hubspot_simulator.client import ControlClient
from hubspot_simulator.settings import Settings, settings_from
from unit.simulator.support import CONTACTS, Receiver, wait_until

COMMAND = [sys.executable, "-m", "hubspot_simulator"]


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    """Whether the simulator answers."""
    try:
        return httpx.get(f"{url}/_control", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def started(log: Path, **own: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A simulator's process and its address; killed in the end if it still runs."""
    port = free_port()
    with log.open("wb") as stderr:
        process = subprocess.Popen(COMMAND, env={**os.environ, **own, "SIMULATOR_PORT": str(port)}, stderr=stderr)
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}"))
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def test_starts_from_the_environment_and_stops_on_sigterm(tmp_path: Path) -> None:
    """`python -m hubspot_simulator` reads its account from SIMULATOR_* and stops soon, also with open calls."""
    own = {"SIMULATOR_TOKEN": "pat-own", "SIMULATOR_PORTAL_ID": "42"}
    with Receiver() as target, started(tmp_path / "log", **own) as (process, url):
        header = {"Authorization": "Bearer pat-own"}
        assert httpx.get(f"{url}/account-info/v3/details", headers=header).json()["portalId"] == 42
        target.seconds = 1
        with ControlClient(url) as control:
            control.set_webhooks(target.url, [{"eventType": "contact.creation"}])
            control.create_contact({"firstname": "Ada"})
        wait_until(lambda: target.in_flight == 1)
        assert httpx.get(f"{url}{CONTACTS}", headers=header).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert b"Traceback" not in (tmp_path / "log").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_clean_stop_keeps_everything(tmp_path: Path, number: signal.Signals) -> None:
    """The state at SIGTERM or Ctrl-C is there after the next start, from a file that only its owner can read."""
    state = tmp_path / "simulator.json"
    with started(tmp_path / "log", SIMULATOR_STATE=str(state)) as (process, url), ControlClient(url) as control:
        ids = control.create_contacts(300)
        control.edit_contact(ids[7], {"city": "Rome"})
        before = control.contacts()
        process.send_signal(number)
        assert process.wait(timeout=60) == 0
    assert [path.name for path in tmp_path.iterdir() if path.name != "log"] == ["simulator.json"]
    assert state.stat().st_mode & 0o777 == 0o600
    with started(tmp_path / "log", SIMULATOR_STATE=str(state)) as (_, url), ControlClient(url) as control:
        assert control.contacts() == before


def test_after_a_sigkill_no_id_is_given_twice(tmp_path: Path) -> None:
    """Even if killed right after a write, a simulator never uses an id again, and saved contacts stay."""
    state = tmp_path / "simulator.json"
    given: list[str] = []
    for _ in range(3):
        with started(tmp_path / "log", SIMULATOR_STATE=str(state)) as (process, url), ControlClient(url) as control:
            there = [contact["id"] for contact in control.contacts()]
            assert set(there) <= set(given)
            first = control.create_contact({"firstname": "Ada"})
            wait_until(lambda kept=first: kept.encode() in state.read_bytes())  # type: ignore[misc]
            new = [first, *control.create_contacts(500)]
            process.kill()
            process.wait()
        assert not set(new) & set(given)
        given += new
        assert first.encode() in state.read_bytes()


@pytest.mark.parametrize("content", [b"", b'{"version":1,"starts":', b'{"version":9}', b"[]", b"\xff"])
def test_a_broken_state_file_is_refused_by_name_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """With an unreadable state file the simulator does not start, names the file, and exits with 2."""
    state = tmp_path / "simulator.json"
    state.write_bytes(content)
    own = {**os.environ, "SIMULATOR_STATE": str(state), "SIMULATOR_PORT": str(free_port())}
    done = subprocess.run(COMMAND, env=own, capture_output=True, timeout=60, check=False, text=True)
    assert done.returncode == 2
    assert f"hubspot-simulator: the state file {state} is broken: " in done.stderr
    assert "Traceback" not in done.stderr
    assert state.read_bytes() == content


def test_a_state_file_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    """The simulator does not start if the folder of its state file is missing."""
    state = tmp_path / "missing" / "simulator.json"
    own = {**os.environ, "SIMULATOR_STATE": str(state), "SIMULATOR_PORT": str(free_port())}
    done = subprocess.run(COMMAND, env=own, capture_output=True, timeout=60, check=False, text=True)
    assert (done.returncode, f"{state} cannot be written: No such file" in done.stderr) == (2, True)


def test_settings_fall_back_and_complain() -> None:
    """An empty variable keeps the default; a port that is no number is refused by name."""
    assert settings_from({"SIMULATOR_TOKEN": "", "SIMULATOR_STATE": ""}) == Settings()
    with pytest.raises(ValueError, match="SIMULATOR_PORT"):
        settings_from({"SIMULATOR_PORT": "many"})
