"""`python -m flood --requests 100000 --seed 7`: a flood on a suite of its own. Exit code 1 if that suffers from it."""

import argparse
import asyncio
import os
import secrets
import shutil
import sys
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

from leadsync_cli.suite.background import BackgroundSuite, isolated_environment
from leadsync_cli.tokens import Role, make_token

from flood.run import MOST_MEMORY, MOST_P99, SERVICES, Outcome, flood

ROLES = (Role.VIEWER, Role.OPERATOR)


def main() -> int:
    """Flood once; the data of a run that failed is kept."""
    parser = argparse.ArgumentParser(prog="flood", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000, help="how many hostile requests are sent, about")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="which requests; default: any")
    chosen = parser.parse_args()
    data_dir = Path(tempfile.mkdtemp(prefix="leadsync-flood-"))
    print(f"flood: {chosen.requests:,} requests, seed {chosen.seed}", flush=True)
    suite = BackgroundSuite(isolated_environment(os.environ, data_dir))
    try:
        suite.wait_up()
        key = (data_dir / "token-key").read_text(encoding="utf-8").strip()
        tokens = {
            role.value: make_token(key, tenant="default", role=role, subject="flood", lifetime=timedelta(hours=6))
            for role in ROLES
        }
        pids = {name: suite.pid(name) for name in (*SERVICES, "database")}
        outcome = asyncio.run(flood(suite.url, pids, tokens, chosen.requests, chosen.seed))
    finally:
        stopped = suite.stop()
    faults = outcome.faults() + ([f"the suite ended with {stopped}"] if stopped else [])
    print(_report(outcome))
    print("\n".join(f"FAULT: {fault}" for fault in faults) or "flood: all well")
    if faults:
        print(f"flood: data and logs are kept in {data_dir}")
        return 1
    shutil.rmtree(data_dir)
    return 0


def _report(outcome: Outcome) -> str:
    """Write tables of 80 columns at most."""
    lines = [f"{'sent':28} {'requests':>8}  answers (0 = none)"]
    for kind, number in outcome.sent.requests.most_common():
        answers = Counter({status: count for (of, status), count in outcome.sent.answers.items() if of == kind})
        told = ", ".join(f"{count:,} x {status}" for status, count in answers.most_common(4))
        lines.append(f"{kind:28} {number:8,}  {told}"[:80])
    times = sorted(seconds for seconds, _ in outcome.good)
    middle = times[len(times) // 2] if times else float("nan")
    tail = f"p50 {middle * 1000:,.0f} ms, p99 {outcome.p99 * 1000:,.0f} ms; limit {MOST_P99 * 1000:,.0f} ms"
    lines += [
        f"{'all':28} {outcome.sent.requests.total():8,}  in {outcome.seconds:.0f} s, {outcome.failures} x 500",
        "",
        f"{'process':28} {'most MiB':>8}  {'limit':>5} {'processor s':>12}",
        *(
            f"{name:28} {mib:8,}  {MOST_MEMORY if name in SERVICES else '':>5} {outcome.processor[name]:12.1f}"
            for name, mib in outcome.memory.items()
        ),
        "",
        f"{'good webhooks beside it':28} {len(times):8,}  {tail}",
        f"{'of them kept at once':28} {outcome.kept:8.1%}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
