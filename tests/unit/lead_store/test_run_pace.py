"""How fast the work of runs goes beside people's changes."""

from lead_store.domain.decision import Decision, NextStep, Outcome
from lead_store.domain.work_item import WorkItem
from lead_store.usecases.run_pace import BESIDE_CHANGES, MOST_LEASES, PAUSE, RunPace

DECIDING_SECONDS, LATELY = 0.5, 10.0


class World:
    """A clock, and decisions that take half a second each time."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.pace = RunPace(LATELY, lambda: self.seconds)

    def decide(self, outcome: Outcome, integration_id: str = "a", run_id: str = "") -> None:
        """Decide on a record of an integration."""
        work_item = WorkItem("w", "tenant", integration_id, run_id=run_id)
        self.pace.decided([(work_item, Decision(outcome, NextStep.DONE))], DECIDING_SECONDS)


def test_without_changes_a_run_takes_as_many_records_as_a_batch_holds() -> None:
    """Its own decisions, echoes of its writes, and leases that were lost are no changes by people."""
    world = World()
    world.decide(Outcome.UPDATED, run_id="run")
    world.decide(Outcome.UNCHANGED)
    world.decide(Outcome.FENCED)
    world.pace.decided([(None, Decision(Outcome.UPDATED, NextStep.KEEP))], DECIDING_SECONDS)
    assert world.pace.limit("a") == MOST_LEASES


def test_beside_changes_a_run_takes_few_records_and_a_quarter_of_the_time() -> None:
    """The pause after each batch is three times as long as deciding took; other integrations know nothing of it."""
    world = World()
    world.decide(Outcome.UPDATED)
    assert (world.pace.limit("a"), world.pace.limit("b")) == (BESIDE_CHANGES, MOST_LEASES)
    world.decide(Outcome.UNCHANGED, run_id="run")
    assert world.pace.limit("a") == 0
    world.seconds += PAUSE * DECIDING_SECONDS - 0.01
    assert world.pace.limit("a") == 0
    world.seconds += 0.02
    assert world.pace.limit("a") == BESIDE_CHANGES


def test_when_nobody_changes_anything_any_more_a_run_goes_on_at_its_own_speed() -> None:
    """Ten seconds after the last change; what was known of the integration is forgotten."""
    world = World()
    world.decide(Outcome.UPDATED)
    world.seconds += LATELY + 0.01
    assert world.pace.limit("a") == MOST_LEASES
    world.decide(Outcome.UPDATED, "b")
    world.seconds += LATELY + 0.01
    world.decide(Outcome.UPDATED, "c")
    assert world.pace.limit("c") == BESIDE_CHANGES
