"""Clocks that jump, one for each process: see clock.c. Without a C compiler there are none."""

import asyncio
import shutil
import struct
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from leadsync_cli.suite.component import Component

SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """What one process takes for the time of day."""

    def __init__(self, library: Path, shift: Path) -> None:
        """`shift` is the file that says by how much it is wrong; it is right at first."""
        self.environment = {"LD_PRELOAD": str(library), "SOAK_CLOCK": str(shift)}
        self._shift = shift
        self._set(0.0)

    async def jump(self, by: float, seconds: float) -> None:
        """Jump by so many seconds, and back after a while."""
        self._set(by)
        await asyncio.sleep(seconds)
        self._set(0.0)

    def _set(self, by: float) -> None:
        shift = struct.pack("=q", int(by * 1000))
        with self._shift.open("r+b" if self._shift.exists() else "wb") as file:  # in place: processes have it mapped
            file.write(shift)


def make_clocks(folder: Path, names: Iterable[str]) -> dict[str, Clock]:
    """Make a clock for each of these processes; none at all without a C compiler."""
    compiler, library = shutil.which("cc"), folder / "clock.so"
    if compiler is None:
        return {}
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], check=True)
    return {name: Clock(library, folder / f"{name}.clock") for name in names}


def with_clocks(parts: Sequence[Component], clocks: dict[str, Clock]) -> list[Component]:
    """Let the processes that have a clock of their own go by it."""
    return [
        replace(part, environment={**part.environment, **clocks[part.name].environment})
        if part.name in clocks
        else part
        for part in parts
    ]
