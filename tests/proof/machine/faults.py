"""What goes wrong, and when: at the n-th call of an edge. Processes die, answers are lost, time passes, others act."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from proof.machine.clock import Clock

T = TypeVar("T")


class Site(StrEnum):
    """The edges: lead-store's database, the connector's calls to lead-store, to the CRM and to its own database."""

    STORE = "store"
    RPC = "rpc"
    CRM = "crm"
    OWN = "own"


class Kind(StrEnum):
    """What happens. `before` means that the call is not carried out, `after` that only its answer is lost."""

    DIES_BEFORE = "dies before"
    DIES_AFTER = "dies after"
    LOST_BEFORE = "lost before"
    LOST_AFTER = "lost after"
    MEANWHILE_BEFORE = "meanwhile, before"
    MEANWHILE_AFTER = "meanwhile, after"
    LATE = "lands late"
    LIMITED = "429"
    LIMITED_TOLD = "429 with Retry-After"
    BROKEN_BEFORE = "500, nothing done"
    BROKEN_AFTER = "502, but done"
    NO_CONNECTION = "no connection"


@dataclass(frozen=True)
class Fault:
    """At the `at`-th call from now (0 = the next) of a site; `acts` is what others do meanwhile."""

    site: Site
    at: int
    kind: Kind
    acts: tuple[Any, ...] = ()


class Died(BaseException):
    """The process is gone. Nothing that it does after this has an effect."""

    def __init__(self, process: "Process") -> None:
        super().__init__(process.name)
        self.process = process


@dataclass
class Process:
    """One process; once dead, its edges refuse everything."""

    name: str
    alive: bool = True

    def die(self) -> None:
        """Go."""
        self.alive = False
        raise Died(self)

    def check(self) -> None:
        """Go on being dead."""
        if not self.alive:
            raise Died(self)


@dataclass
class Faults:
    """The faults that are planned. Calls are counted only while some are."""

    clock: Clock
    act: Callable[[Any], None] = lambda _: None
    happened: list[str] = field(default_factory=list)
    _armed: list[tuple[int, Fault]] = field(default_factory=list)

    @contextmanager
    def planned(self, faults: Sequence[Fault]) -> Iterator[None]:
        """Within this these happen, and none of before."""
        before, self._armed = self._armed, [(fault.at, fault) for fault in faults]
        try:
            yield
        finally:
            self._armed = before

    def due(self, site: Site) -> Fault | None:
        """Count one call of a site, and say what happens to it."""
        self.clock.advance(0.001)
        found: Fault | None = None
        left: list[tuple[int, Fault]] = []
        for count, fault in self._armed:
            if fault.site is not site:
                left.append((count, fault))
            elif count == 0 and found is None:
                found = fault
            else:
                left.append((max(0, count - 1), fault))
        self._armed = left
        if found is not None:
            self.happened.append(f"{site}: {found.kind}")
        return found

    def meanwhile(self, fault: Fault) -> None:
        """Let others act, undisturbed."""
        with self.planned(()):
            for act in fault.acts:
                self.act(act)

    def around(self, fault: Fault | None, process: Process, do: Callable[[], T]) -> T:
        """Carry a call out with the faults that every edge has in common."""
        if fault is None:
            return do()
        if fault.kind is Kind.DIES_BEFORE:
            process.die()
        if fault.kind is Kind.MEANWHILE_BEFORE:
            self.meanwhile(fault)
            process.check()
        answer = do()
        if fault.kind is Kind.DIES_AFTER:
            process.die()
        if fault.kind is Kind.MEANWHILE_AFTER:
            self.meanwhile(fault)
            process.check()
        return answer
