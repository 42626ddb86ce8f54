"""What goes wrong when: a schedule that a seed gives, the same one each time. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

COMPONENTS = {"webhook-gateway": 2, "lead-store": 4, "crm-connector": 3, "database": 2}
"""What may be killed, and how often in proportion."""
LINKS = (
    "hubspot-gateway",
    "gateway-store",
    "gateway-connector",
    "connector-store",
    "store-database",
    "connector-database",
    "connector-hubspot",
)
GATEWAY_PROCESS = "one of the gateway's processes"
PAIRS = (GATEWAY_PROCESS, "lead-store", GATEWAY_PROCESS, "lead-store-2", GATEWAY_PROCESS, "crm-connector")
"""What is killed in turn where two of them run: never both at a time, so that one is always there."""
EVERYTHING = "every process"
REPLACED_AFTER = 45.0  # seconds: what is stopped for longer than any patience with it
PAIR_GAP_SECONDS = (2.5, 4.0)
FOR_GOOD = 0.25  # of what is stopped
MOST_BACK, MOST_AHEAD = 45.0, 90.0  # seconds that a clock jumps; a lease is 30
GAP_SECONDS = 3.5  # between two faults, on average
REST_SECONDS = (6.0, 12.0)  # now and then nothing goes wrong, so that work gets through in between


class Kind(StrEnum):
    """What a fault does."""

    KILL = "kill"  # SIGKILL; the supervisor starts the process again
    STOP = "stop"  # SIGSTOP; it goes on after a while, unless it was replaced meanwhile
    FULL = "full disk of"  # no file can be written; the database does not outlive it, and is replaced
    CLOCK = "clock jump of"  # its time of day jumps ahead or back, and back or ahead after a while
    CUT = "cut"  # connections broken, new ones refused for a while
    FREEZE = "freeze"  # connections stay, nothing moves for a while
    SLOW = "slow"  # each chunk is late
    HUBSPOT = "hubspot"  # HubSpot's API answers with errors, late, or breaks off after the work is done


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; `at` and `seconds` are seconds, `amount` is a delay, a jump, or a number of HubSpot's faults."""

    at: float
    kind: Kind
    where: str
    seconds: float = 0.0
    amount: float = 0.0

    def __str__(self) -> str:
        lasts = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.at:6.1f} s  {self.kind} {self.where}{lasts}"


def schedule(seed: int, seconds: float) -> list[Fault]:
    """Give all faults of a run that lasts so long, in order."""
    rng = Random(f"faults of {seed}")
    faults, at, rest_at = [], rng.uniform(2, 4), rng.uniform(15, 25)
    while at < seconds - 1:
        if at > rest_at:
            at += rng.uniform(*REST_SECONDS)
            rest_at = at + rng.uniform(15, 25)
            continue
        faults.append(_fault(rng, at))
        at += rng.expovariate(1 / GAP_SECONDS)
    return faults


def kill_loop(seed: int, seconds: float) -> list[Fault]:
    """Give the kills of a run with two gateway processes and two lead-stores, in order."""
    rng = Random(f"kills of {seed}")
    faults: list[Fault] = []
    at = rng.uniform(2, 4)
    while at < seconds - 1:
        faults.append(Fault(at, Kind.KILL, PAIRS[len(faults) % len(PAIRS)]))
        at += rng.uniform(*PAIR_GAP_SECONDS)
    return faults


def _fault(rng: Random, at: float) -> Fault:
    kind = rng.choices(list(Kind), weights=(7, 2, 1, 2, 3, 2, 2, 2))[0]
    match kind:
        case Kind.KILL:
            return Fault(at, kind, rng.choices(list(COMPONENTS), weights=list(COMPONENTS.values()))[0])
        case Kind.STOP:
            seconds = REPLACED_AFTER if rng.random() < FOR_GOOD else rng.uniform(0.5, 8)
            return Fault(at, kind, rng.choices(list(COMPONENTS), weights=list(COMPONENTS.values()))[0], seconds)
        case Kind.FULL:
            return Fault(at, kind, EVERYTHING, rng.uniform(1, 6))
        case Kind.CLOCK:
            where = rng.choice(list(COMPONENTS))
            # The token of the run is never from the future for the gateway: it would rightly refuse it.
            least = 5.0 if where == "webhook-gateway" else -MOST_BACK
            return Fault(at, kind, where, rng.uniform(2, 15), rng.uniform(least, MOST_AHEAD))
        case Kind.CUT:
            return Fault(at, kind, rng.choice(LINKS), rng.uniform(0.05, 3))
        case Kind.FREEZE:
            return Fault(at, kind, rng.choice(LINKS), rng.uniform(0.5, 6))
        case Kind.SLOW:
            return Fault(at, kind, rng.choice(LINKS), rng.uniform(2, 8), rng.uniform(0.01, 0.3))
        case Kind.HUBSPOT:
            what = rng.choice(("errors", "late", "answers lost", "requests lost"))
            return Fault(at, kind, what, amount=rng.randint(1, 4))
