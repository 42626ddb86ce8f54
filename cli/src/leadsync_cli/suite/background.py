"""A separate suite in the background, on free ports: for the demo and for tests."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from leadsync_cli.crms.hubspot.local import PREFIX
from leadsync_cli.errors import CommandError
from leadsync_cli.settings import PORT_VARIABLES
from leadsync_cli.suite import child, logs
from leadsync_cli.suite.ports import free_ports


def isolated_environment(base: Mapping[str, str], data_dir: Path) -> dict[str, str]:
    """Return an environment for a suite beside others: free ports, the simulator, and this data directory."""
    kept = {name: value for name, value in base.items() if not name.startswith((PREFIX, "SIMULATOR_"))}
    ports = zip(PORT_VARIABLES.values(), free_ports(len(PORT_VARIABLES)), strict=True)
    isolated = {variable: str(port) for variable, port in ports}
    for inherited in ("API_URL", "LEADSYNC_URL", "LEADSYNC_TOKEN"):
        kept.pop(inherited, None)
    return kept | isolated | {"LEADSYNC_DATA_DIR": str(data_dir), "LEADSYNC_SIMULATOR": "on"}


class BackgroundSuite:
    """`leadsync up --json` as a child process. It ends when this process ends, however that happens.

    Start it from the main thread (see `child`).
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self._changed = threading.Condition()
        self._events: list[dict[str, Any]] = []
        self._over = False
        self._stderr = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (`stop` closes it)
        wrapper = (sys.executable, "-I", "-S", child.__file__, str(os.getpid()))
        self._process = subprocess.Popen(  # noqa: S603 (our own program)
            [*wrapper, sys.executable, "-P", "-m", "leadsync_cli", "up", "--json"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, name="suite-events", daemon=True)
        self._reader.start()

    @property
    def data_dir(self) -> Path:
        """Folder of keys, token, logs and database."""
        return Path(self.environment["LEADSYNC_DATA_DIR"])

    @property
    def url(self) -> str:
        """Address of the gateway."""
        return f"http://127.0.0.1:{self.environment['GATEWAY_PORT']}"

    def token(self) -> str:
        """Return the administrator's token of tenant `default`."""
        return (self.data_dir / "admin-token").read_text(encoding="utf-8").strip()

    def wait_up(self, within: float = 90.0) -> None:
        """Return once everything is ready; raise CommandError with the reason if it does not come up."""
        self.wait_for(lambda event: bool(event["event"] == "up"), within, "the suite to be up")

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool], within: float, what: str) -> dict[str, Any]:
        """Return the newest event that `wanted` accepts; wait up to `within` seconds for it."""
        end = time.monotonic() + within
        with self._changed:
            while True:
                if found := [event for event in self._events if wanted(event)]:
                    return found[-1]
                left = end - time.monotonic()
                if self._over or left <= 0:
                    raise CommandError("suite_not_ready", f"waited in vain for {what}\n{self._report()}")
                self._changed.wait(left)

    def pid(self, component: str) -> int:
        """Return the id of the component's present process."""
        event = self.wait_for(
            lambda e: e["event"] == "started" and e["component"] == component, 0, f"{component}'s start"
        )
        return int(event["pid"])

    def wait_successor(self, component: str, pid: int, within: float) -> int:
        """Wait until a component that ran as `pid` is ready again in a new process; return the new process id."""

        def of(name: str, event: dict[str, Any]) -> bool:
            return bool(event["event"] == name and event["component"] == component)

        began = self.wait_for(lambda one: of("started", one) and one["pid"] == pid, 0, f"process {pid}")["number"]
        event = self.wait_for(
            lambda one: of("ready", one) and one["number"] > began and one["pid"] != pid,
            within,
            f"{component} to be ready again",
        )
        return int(event["pid"])

    def log(self, component: str) -> str:
        """Return the log of a component since the suite's start."""
        path = self.data_dir / "logs" / f"{component}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def stop(self, within: float = 60.0) -> int:
        """Stop everything in order; return the exit code, 0 if all went well."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reader.join(within)
        if self._process.stdout:
            self._process.stdout.close()
        self._stderr.close()
        return self._process.wait()

    def _read(self) -> None:
        """Collect the suite's events until it ends."""
        for line in self._process.stdout or ():
            with self._changed:
                self._events.append(json.loads(line) | {"number": len(self._events)})
                self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _report(self) -> str:
        """Return what the suite reported, for finding out why it is not up."""
        lines = [str(event) for event in self._events if event["event"] in {"ready", "exited", "failed", "integration"}]
        if self._over:
            self._stderr.seek(0)
            lines.append(self._stderr.read())
        elif self._events:
            component = str(self._events[-1]["component"])
            lines.append(logs.tail(self.data_dir / "logs" / f"{component}.log"))
        return "\n".join(lines)
