"""One flood on a running suite, and what it did to it."""

import asyncio
import os
import random
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec

from flood.kinds import Piece, Sender, large_delivery, pieces
from flood.sending import Sent, send_flood

SERVICES = ("webhook-gateway", "lead-store", "crm-connector")
MOST_MEMORY = 300  # MiB of each service, at any moment
MOST_P99 = 2.0  # seconds of a good webhook
LEAST_KEPT = 0.99  # of the good webhooks, at the first try
GOOD_PER_SECOND = 20.0
_FAILED = re.compile(r'^leadsync_gateway_requests_total{.*status="500"} (.*)$', re.MULTILINE)
MOST_LARGE = 15  # deliveries of 6 MiB
MOST_FILES = 4096  # connections that this process holds open


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was sent and answered, what good webhooks took, and what each process took: most MiB, processor seconds."""

    sent: Sent
    good: list[tuple[float, int]]
    memory: Mapping[str, int]
    processor: Mapping[str, float]
    failures: int  # answers 500, by the gateway's own count
    seconds: float

    @property
    def p99(self) -> float:
        """Seconds within which 99 % of the good webhooks were answered."""
        times = sorted(seconds for seconds, _ in self.good)
        return times[min(len(times) - 1, int(len(times) * 0.99))] if times else float("inf")

    @property
    def kept(self) -> float:
        """Share of the good webhooks that were kept. The CRM sends those again that were answered 503."""
        return sum(status == 200 for _, status in self.good) / max(1, len(self.good))

    def harm(self) -> list[str]:
        """What must not be on any machine, however busy it is."""
        odd = Counter(status for _, status in self.good if status not in {200, 503})
        large = {name: mib for name, mib in self.memory.items() if name in SERVICES and mib >= MOST_MEMORY}
        found = [f"{name} had {mib} MiB" for name, mib in large.items()]
        found += [f"{self.failures} answers were 500"] if self.failures else []
        found += [f"good webhooks were answered {dict(odd)}"] if odd else []
        return [*found, "no good webhook was kept"] if not self.kept else found

    def faults(self) -> list[str]:
        """What must not be where nothing else runs."""
        found = self.harm()
        found += [f"p99 of good webhooks is {self.p99:.2f} s"] if self.p99 >= MOST_P99 else []
        found += [f"only {self.kept:.1%} of the good webhooks were kept"] if self.kept < LEAST_KEPT else []
        return found


async def flood(url: str, pids: Mapping[str, int], tokens: dict[str, str], requests: int, seed: int) -> Outcome:
    """Send about so many hostile requests, after some large deliveries that can be listed, and beside good webhooks."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(MOST_FILES, hard), hard))
    chance = random.Random(seed)
    probe = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "flood.probe", url, str(GOOD_PER_SECOND)),
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    by = Sender(url, tokens, chance)
    port = int(url.rpartition(":")[2])
    large = [("large", Piece(large_delivery(by))) for _ in range(min(MOST_LARGE, requests // 1000))]
    await send_flood(port, large, chance)
    before = {name: _processor_seconds(pid) for name, pid in pids.items()}
    assert probe.stdout is not None
    await probe.stdout.readline()  # it has begun
    began = time.perf_counter()
    try:
        sent = await send_flood(port, pieces(by, requests), chance)
    finally:
        found, _ = await probe.communicate(b"")
    seconds = time.perf_counter() - began
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        metrics = (await http.get("/metrics")).text
    failures = sum(float(number) for number in _FAILED.findall(metrics))
    good = msgspec.json.decode(found, type=list[tuple[float, int]])
    memory = {name: _most_memory(pid) for name, pid in pids.items()}
    processor = {name: _processor_seconds(pid) - before[name] for name, pid in pids.items()}
    return Outcome(sent, good, memory, processor, int(failures), seconds)


def _most_memory(pid: int) -> int:
    """The most memory that a process has had, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
