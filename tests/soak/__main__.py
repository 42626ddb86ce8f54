"""`python -m soak --seconds 600 --seed 7`: faults on the real suite, then an audit. Exit code 1 if it finds any."""

import argparse
import asyncio
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from soak.run import Options, soak


def main() -> int:
    """Run once; the data of a run that failed is kept."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long things go wrong")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="which schedule; default: any")
    parser.add_argument("--rate", type=float, default=20, help="changes per second, on both sides together")
    parser.add_argument("--pairs", action="store_true", help="two gateways and two lead-stores, killed in turn")
    parser.add_argument("--keep", action="store_true", help="keep the run's data also if all is well")
    chosen = parser.parse_args()
    data_dir = Path(tempfile.mkdtemp(prefix="leadsync-soak-"))
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    options = Options(chosen.seed, chosen.seconds, chosen.rate, chosen.pairs)
    again = f"make soak SEED={chosen.seed} SECONDS={chosen.seconds:g}{' PAIRS=1' if chosen.pairs else ''}"
    print(f"soak: seed {chosen.seed}, {chosen.seconds:g} s; the same again: {again}")
    well = False
    try:
        well = asyncio.run(soak(data_dir, os.environ, options))
    finally:
        if well and not chosen.keep:
            shutil.rmtree(data_dir)
        else:
            print(f"soak: data and logs are kept in {data_dir}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
