"""How long a benchmark measures."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lengths:
    """Seconds of load, and numbers of events, changes and imported records."""

    closed: float = 12.0
    open: float = 20.0
    growth_events: int = 2_000
    changes: int = 1_000
    imported: int = 5_000
    turns: int = 3
    changes_beside_run: int = 400


SMOKE_TEST = Lengths(closed=2.0, open=3.0, growth_events=300, changes=150, imported=500, turns=1, changes_beside_run=50)
