"""`python -m fuzz --seconds 60 --seed 7 [TARGET…]`: fuzz each target for so long. Exit code 1 if any of them fails."""

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz.target import CORPUS, LARGEST, Target
from fuzz.targets import TARGETS

SLOW_SECONDS = 30  # an input that takes longer is a fault, on any machine
# Not that of whoever runs it: some libraries read all of it for each input.
ENVIRONMENT = {"PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parents[1])}
MOST_MEMORY = 2048  # MiB of the process, with the fuzzer itself


def main() -> int:
    """Fuzz one target after the other, each in a process of its own."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long each target is fuzzed")
    parser.add_argument(
        "--seed", type=int, default=1 + secrets.randbelow(1_000_000), help="what is tried; default: any"
    )
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}; default: all")
    asked = parser.parse_args()
    if unknown := set(asked.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    names = asked.targets or list(TARGETS)
    print(f"fuzz: {len(names)} targets, {asked.seconds} s each, seed {asked.seed}", flush=True)
    failed = [name for name in names if not _holds(TARGETS[name], asked.seconds, asked.seed)]
    print(f"fuzz: failed: {', '.join(failed)}" if failed else "fuzz: nothing found")
    return 1 if failed else 0


def _holds(target: Target, seconds: int, seed: int) -> bool:
    """Fuzz a target; the input that it fails on is kept, and how to keep it for good is printed."""
    work = Path(tempfile.mkdtemp(prefix=f"leadsync-fuzz-{target.name}-"))
    (work / "found").mkdir()
    folders = [str(path) for path in (work / "found", CORPUS / target.name, target.payloads) if path and path.is_dir()]
    command = [
        *(sys.executable, "-m", "fuzz.child", target.name, f"-max_total_time={seconds}", f"-seed={seed}"),
        *(f"-max_len={LARGEST}", f"-timeout={SLOW_SECONDS}", f"-rss_limit_mb={MOST_MEMORY}"),
        *(f"-artifact_prefix={work}/", "-print_final_stats=1", *folders),
    ]
    done = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    output = done.stdout.decode(errors="replace")
    counted = [line.split()[-1] for line in output.splitlines() if "number_of_executed_units" in line]
    holds = done.returncode == 0
    print(f"  {target.name:16} {'holds' if holds else 'FAILS'}, {' '.join(counted) or '?'} inputs", flush=True)
    if holds:
        shutil.rmtree(work)
        return True
    print("\n".join(output.splitlines()[-40:]))
    for found in sorted(path for path in work.iterdir() if path.is_file()):
        print(f"Make it as small as it gets, and keep it: cp {found} {CORPUS / target.name}/ && make test", flush=True)
    return False


if __name__ == "__main__":
    sys.exit(main())
