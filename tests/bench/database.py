"""The database of a benchmark: secantusd-rs if it is there or can be built, else the embedded server."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CRATE, VERSION = "secantus-mdb", "0.5.3-beta.196"
PROGRAM = "secantusd-rs"
BUILD_SECONDS = 30 * 60


@dataclass(frozen=True, slots=True)
class Database:
    """A server program, its name for the results, and a remark for their reader."""

    program: Path
    name: str
    remark: str = ""

    def command(self, port: int, storage: Path) -> list[str]:
        """Return the command line: each commit is on disk before its answer."""
        place = ["--host", "127.0.0.1", "--port", str(port), "--storage-path", str(storage)]
        return [str(self.program), *place, "--log-level", "ERROR", "--sync-on-commit"]


def find_database(tools: Path, *, build: bool = True) -> Database:
    """Look for secantusd-rs in SECANTUSD_RS, in PATH and in `tools`; build it there once if cargo is installed."""
    candidates = [os.environ.get("SECANTUSD_RS", ""), shutil.which(PROGRAM) or "", str(tools / "bin" / PROGRAM)]
    found = next((Path(one) for one in candidates if one and Path(one).is_file()), None)
    if found is None and build and (cargo := shutil.which("cargo")):
        found = _build(cargo, tools)
    if found is not None:
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout.split()
        version = next((word for word in said if word[:1].isdigit()), VERSION)
        return Database(found, f"{PROGRAM} {version} --sync-on-commit")
    embedded = Path(sys.executable).with_name("secantusd-py")
    why = "was not found and could not be built (no cargo)" if build else "was not found"
    remark = f"{PROGRAM} {why}: the embedded server is several times slower."
    return Database(embedded, "secantusd-py (the embedded server) --sync-on-commit", remark)


def _build(cargo: str, tools: Path) -> Path | None:
    """Build it, which takes some minutes; return its path, or None if that failed."""
    print(f"building {PROGRAM} {VERSION} into {tools}: some minutes, once", flush=True)
    command = [cargo, "install", CRATE, "--version", VERSION, "--ignore-rust-version", "--quiet", "--root", str(tools)]
    try:
        done = subprocess.run(command, check=False, timeout=BUILD_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    program = tools / "bin" / PROGRAM
    return program if done.returncode == 0 and program.is_file() else None
