"""The state machine: draws a history step by step, lets the world come to rest, and audits it."""

from contextlib import ExitStack
from typing import Any

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from proof.machine import drawing
from proof.machine.acts import Act, Deliver, Disturbed, Lose, Redrive, Route, Start, Sweep, Work
from proof.machine.audit import findings
from proof.machine.config import Config
from proof.machine.faults import Fault
from proof.machine.quiet import Rest, come_to_rest
from proof.machine.world import World
from pymongo import MongoClient
from structlog.testing import capture_logs


class Machine(RuleBasedStateMachine):
    """One history. Each rule is one act; `world` is there from the first on. Subclasses say which database they use."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self._closing = ExitStack()
        self.history: list[Act] = []
        self._sound = False

    @staticmethod
    def client() -> MongoClient[dict[str, Any]]:
        """Return the database. It is a method since Hypothesis looks into all that is none."""
        raise NotImplementedError

    @initialize(config=drawing.CONFIGS, acts=drawing.STARTS)
    def begin(self, config: Config, acts: list[Act]) -> None:
        """Some leads and records that know each other already."""
        log = self._closing.enter_context(capture_logs())
        self.world = World(self.client(), config, log)
        for act in (*acts, Rest()):
            self._do(act)

    def _do(self, act: Act) -> None:
        self.history.append(act)
        self._sound = False
        act.do(self.world)
        self._sound = True

    @rule(act=drawing.EDITS)
    def edit(self, act: Act) -> None:
        """Somebody edits."""
        self._do(act)

    @rule(act=drawing.PEOPLE)
    def somebody(self, act: Act) -> None:
        """Somebody does something."""
        self._do(act)

    @rule(act=drawing.LIVES)
    def come_and_go(self, act: Act) -> None:
        """Something is deleted, restored, merged, pushed or erased."""
        self._do(act)

    @rule(act=drawing.CREATES)
    def create(self, act: Act) -> None:
        """Something is made."""
        self._do(act)

    @rule(act=drawing.DELIVERIES)
    def deliver(self, act: Act) -> None:
        """Events arrive."""
        self._do(act)

    @rule(count=st.integers(1, 4))
    def lose(self, count: int) -> None:
        """Events get lost."""
        self._do(Lose(count))

    @rule(worker=drawing.WORKERS)
    def turn(self, worker: int) -> None:
        """Everything that is known gets done."""
        for act in (Deliver(100), Route(), Work(worker)):
            self._do(act)

    @rule(acts=st.lists(drawing.PEOPLE, max_size=2), worker=drawing.WORKERS, faults=drawing.FAULTS)
    def disturbed_turn(self, acts: list[Act], worker: int, faults: tuple[Fault, ...]) -> None:
        """Everything that is known is about to get done, but something goes wrong."""
        for act in (*acts, Deliver(100), Route(), Disturbed(Work(worker), faults)):
            self._do(act)

    @rule(act=drawing.EDITS, worker=drawing.WORKERS, faults=drawing.FAULTS)
    def disturbed_work(self, act: Act, worker: int, faults: tuple[Fault, ...]) -> None:
        """What is due is about to get done, but something goes wrong."""
        for one in (act, Disturbed(Work(worker), faults)):
            self._do(one)

    @rule(act=st.one_of(drawing.PEOPLE, st.just(Route()), drawing.DELIVERIES), faults=drawing.FAULTS)
    def disturbed(self, act: Act, faults: tuple[Fault, ...]) -> None:
        """Something happens on the platform's side while something goes wrong."""
        self._do(Disturbed(act, faults))

    @rule(worker=drawing.WORKERS, faults=st.one_of(st.just(()), drawing.FAULTS))
    def sweep(self, worker: int, faults: tuple[Fault, ...]) -> None:
        """A sweep, disturbed or not."""
        self._do(Disturbed(Sweep(worker), faults))

    @rule(act=st.one_of(drawing.PASSES, st.just(Start()), st.builds(Redrive, drawing.TENANT)))
    def rest(self, act: Act) -> None:
        """Time passes, a process starts, or failed work is tried again."""
        self._do(act)

    def teardown(self) -> None:
        """Come to rest, and look at everything."""
        with self._closing:
            if not self._sound:
                return
            note(f"history = {self.history}")
            note(f"happened: {', '.join(self.world.faults.happened) or 'nothing out of the ordinary'}")
            come_to_rest(self.world)
            found = list(findings(self.world))
            assert not found, "\n".join(found)
