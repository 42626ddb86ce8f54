"""The machine that the benchmark ran on."""

import os
import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("grpcio", "pymongo", "uvicorn", "uvloop", "httptools", "msgspec", "protobuf")
ROUNDS = 20_000_000


def facts(database: str) -> list[tuple[str, str]]:
    """Machine, versions and date."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return [
        ("date", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"),
        ("machine", f"{_processor()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB"),
        ("system", f"{platform.system()} {platform.release()}, Python {platform.python_version()}"),
        ("database", database),
        ("packages", packages),
        ("code", _commit()),
        ("load average before the run (1, 5, 15 minutes)", load),
    ]


def speed() -> float:
    """Return how fast a core is now: million rounds a second of an empty loop. Other load on the machine slows it."""
    began = time.perf_counter()
    for _ in range(ROUNDS):
        pass
    return ROUNDS / 1e6 / (time.perf_counter() - began)


def cores() -> tuple[int | None, int | None]:
    """Return a core for the processes under test and one for the load; None for both where there is only one."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[1]) if len(usable) > 1 else (None, None)


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Keep this process on a core until the block ends."""
    before = os.sched_getaffinity(0)
    try:
        if core is not None:
            os.sched_setaffinity(0, {core})
        yield
    finally:
        os.sched_setaffinity(0, before)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = git("rev-parse", "--short", "HEAD") or "not a git checkout"
    return f"{commit} with changes" if git("status", "--porcelain") else commit
