"""What processes use: processor time, what is left of the cores, and connections to each other."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.rig import TICKS, Rig

ESTABLISHED = "01"


@dataclass(slots=True)
class Used:
    """What a block took: processor seconds by process, all seconds, and cores that others left to us."""

    cpu: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    cores: float = 0.0

    def of(self, names: Sequence[str]) -> float:
        """Processor seconds of some processes, as far as they run."""
        return sum(self.cpu.get(name, 0.0) for name in names)


@contextmanager
def used(rig: Rig) -> Iterator[Used]:
    """Measure what the block takes. The load generator's own time counts as ours."""
    names, found = list(rig.processes), Used()
    before, idle, own, began = _cpu(rig, names), _idle(), time.process_time(), time.perf_counter()
    yield found
    found.seconds = time.perf_counter() - began
    found.cpu = {name: value - before[name] for name, value in _cpu(rig, names).items()}
    ours = sum(found.cpu.values()) + time.process_time() - own
    found.cores = (ours + _idle() - idle) / found.seconds


def connections(rig: Rig) -> Counter[tuple[str, str]]:
    """Established TCP connections between our processes, by who opened them and who took them."""
    listening = {int(part.address.rpartition(":")[2]): name for name, part in rig.parts.items()}
    owners = {inode: name for name, process in rig.processes.items() for inode in _sockets(process.pid)}
    found: Counter[tuple[str, str]] = Counter()
    for line in _connections():
        _, _, remote, state, *rest = line.split()
        owner = owners.get(rest[5])
        taker = listening.get(int(remote.partition(":")[2], 16))
        if state == ESTABLISHED and owner is not None and taker is not None:
            found[owner, taker] += 1
    return found


def memory(rig: Rig) -> Mapping[str, float]:
    """Resident memory of each process, in MiB."""
    return {name: rig.memory_mib(name) for name in rig.processes}


def _cpu(rig: Rig, names: Sequence[str]) -> dict[str, float]:
    return {name: rig.cpu_seconds(name) for name in names}


def _idle() -> float:
    """Seconds for which all cores together had nothing to do, since the machine started."""
    fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()
    return (int(fields[4]) + int(fields[5])) / TICKS


def _sockets(pid: int) -> list[str]:
    found = []
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            target = str(one.readlink())
            if target.startswith("socket:["):
                found.append(target[8:-1])
    return found


def _connections() -> Iterator[str]:
    """Give the kernel's lines about TCP sockets; gRPC's are of IPv6 even where the address is not."""
    for table in ("tcp", "tcp6"):
        yield from Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]
