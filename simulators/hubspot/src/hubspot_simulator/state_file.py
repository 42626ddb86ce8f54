"""The state file: read at the start, written after changes while the simulator runs, and at its end."""

import asyncio
import logging
import os
from pathlib import Path

from hubspot_simulator.core.simulator import Simulator
from hubspot_simulator.core.state import dump, load

log = logging.getLogger(__name__)
_PAUSE_SECONDS = 1.0  # between two saves


class StateError(Exception):
    """The state file cannot be used; the message names it and says what to do."""


class StateFile:
    """Keeps one simulator's state in one file, which is private to its owner and always whole."""

    def __init__(self, path: Path, simulator: Simulator) -> None:
        self._path = path
        self._simulator = simulator
        self._saved = b""
        self._wake = asyncio.Event()

    def open(self) -> None:
        """Load the file if it is there, then write it once, so that ids are reserved before any is given.

        Raises StateError.
        """
        try:
            load(self._simulator, self._path.read_bytes())
        except FileNotFoundError:
            log.info("a new state file: %s", self._path)
        except OSError as error:
            raise StateError(f"the state file {self._path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            advice = "Move or delete it to start without state, or set another SIMULATOR_STATE."
            raise StateError(f"the state file {self._path} is broken: {error}. {advice}") from error
        self._write(dump(self._simulator, ahead=True))

    def notify(self) -> None:
        """Something may have changed."""
        self._wake.set()

    async def run(self) -> None:
        """Save changes, at most once a second, until cancelled. A failed save is tried again."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._save()
            except Exception:
                log.exception("the state is not saved")
                self._wake.set()
            await asyncio.sleep(_PAUSE_SECONDS)

    def close(self) -> None:
        """Write the final state, once `run` and its event loop have ended. Raises StateError."""
        self._write(dump(self._simulator, ahead=False))

    async def _save(self) -> None:
        """Copy the state at one moment (30 ms for 5,000 contacts); a thread writes it to disk."""
        document = dump(self._simulator, ahead=True)
        if document != self._saved:
            await asyncio.to_thread(self._write, document)

    def _write(self, document: bytes) -> None:
        """Replace the file as a whole, on the disk before its name."""
        part = self._path.with_name(f"{self._path.name}.part")
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(document)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except OSError as error:
            raise StateError(f"the state file {self._path} cannot be written: {error.strerror}") from error
        self._saved = document
