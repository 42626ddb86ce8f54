"""Break the planner in each small way that mutmut knows, and see that a unit test notices: `make mutate`.

The mutants are made in a copy of lead-store and of the unit tests, in a temporary folder. One that no test notices has
to be listed in tests/mutation/equivalent.toml with the reason why nobody could notice. Exit codes: 0 every mutant was
noticed or is listed, 1 one was not, or an entry of the list fits none any more, 2 mutmut could not run.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOMAIN = "lead_store/domain"
MODULES = ("merge", "work_item", "identity", "retry", "landing")
# Those of merge, work item, lead, landing and identity, and of the others by name.
TESTS = ("test_[lmiw]*.py", "test_retry.py", "test_typed_merge.py", "test_capabilities.py")
NOTICED = {"killed", "timeout"}  # the others: survived, no tests, skipped, suspicious, segfault
SETTINGS = f"""
[tool.pytest.ini_options]
addopts = "--import-mode=importlib"
filterwarnings = ["error"]

[tool.mutmut]
source_paths = ["src"]
only_mutate = {[f"src/{DOMAIN}/{module}.py" for module in MODULES]}
pytest_add_cli_args_test_selection = ["tests"]
use_git_change_detection = false
"""
SAME_EACH_TIME = """
from hypothesis import settings

settings.register_profile("mutate", derandomize=True, database=None)
settings.load_profile("mutate")
"""


@dataclass(frozen=True)
class Mutant:
    """A small change of one function: the line before it, and its `-` and `+` lines, all without indentation."""

    function: str
    change: tuple[str, ...]

    def __str__(self) -> str:
        return "\n    ".join([self.function, *self.change])


def main() -> int:
    """Make the mutants, try them, and compare those that live with the list."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many mutants are tried at a time")
    jobs, listed = options.parse_args().jobs, dict(_listed())
    with tempfile.TemporaryDirectory(prefix="leadsync-mutants-") as name:
        folder = Path(name)
        _stage(folder)
        ran = _mutmut(folder, "run", "--max-children", str(jobs))
        if ran.returncode:
            sys.stderr.write(ran.stdout[-4000:] + ran.stderr[-4000:])
            return 2
        found = _living(folder)
        total = len(list(_states(folder, "--all", "true")))
    unknown, gone = [mutant for mutant in found if mutant not in listed], listed.keys() - found
    sys.stdout.write(f"{total} mutants of {', '.join(MODULES)}; {len(found)} went unnoticed, {len(unknown)} unlisted\n")
    for mutant in unknown:
        sys.stdout.write(f"\nNo test notices this change, and it is not listed:\n  {mutant}\n")
    for mutant in gone:
        sys.stdout.write(f"\nListed, but a test notices it by now, or the code has changed:\n  {mutant}\n")
    return 1 if unknown or gone or not total else 0


def _listed() -> Iterator[tuple[Mutant, str]]:
    text = (ROOT / "tests/mutation/equivalent.toml").read_text(encoding="utf-8")
    for entry in tomllib.loads(text)["equivalent"]:
        for change in entry["changes"]:
            yield Mutant(entry["function"], _lines(change.splitlines())), entry["why"]


def _stage(folder: Path) -> None:
    shutil.copytree(ROOT / "services/lead-store/src/lead_store", folder / "src/lead_store")
    (folder / "tests").mkdir()
    for test in (test for pattern in TESTS for test in (ROOT / "tests/unit/lead_store").glob(pattern)):
        shutil.copy(test, folder / "tests")
    (folder / "tests/conftest.py").write_text(SAME_EACH_TIME, encoding="utf-8")
    (folder / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")


def _mutmut(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mutmut", *arguments]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603


def _states(folder: Path, *arguments: str) -> Iterator[tuple[str, str]]:
    for line in _mutmut(folder, "results", *arguments).stdout.splitlines():
        name, found, state = line.strip().partition(": ")
        if found:
            yield name, state


def _living(folder: Path) -> list[Mutant]:
    """Mutants that no test noticed."""
    living = []
    for name, state in _states(folder):
        if state not in NOTICED:
            shown = _mutmut(folder, "show", name).stdout.splitlines()
            function = name.removeprefix("lead_store.domain.").partition("__mutmut_")[0].replace(".x_", ".")
            living.append(Mutant(function, _lines(shown)))
    return living


def _lines(diff: list[str]) -> tuple[str, ...]:
    shown = (line for line in diff if line[:1] in {" ", "+", "-"} and line[:3] not in {"+++", "---"})
    body = [f"{line[0]} {line[1:].strip()}" for line in shown]
    changed = [n for n, line in enumerate(body) if line[0] in "+-"]
    return tuple(line for n, line in enumerate(body) if n in changed or n == changed[0] - 1) if changed else ()


if __name__ == "__main__":
    sys.exit(main())
