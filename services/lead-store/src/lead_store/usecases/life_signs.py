"""The sign of life that a process gives every few seconds. It shows whether the database's clock was set back."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from lead_store.mongo.clock_set_back import pull_back
from lead_store.mongo.data_version import refuse_newer
from lead_store.mongo.store import Store

LEAST_STEP = timedelta(seconds=5)  # shorter steps let nobody wait for long
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LifeSigns:
    """The use case. `lease` is how long work is handed out."""

    store: Store
    lease: timedelta

    def give(self) -> None:
        """Correct times that were written while the clock was ahead, then give a sign.

        Raises NewerDataError if a newer leadsync has upgraded the data: what this process writes would be wrong.
        """
        refuse_newer(self.store.database, running=True)
        self.correct_times()
        self.store.processes.heartbeat()

    def correct_times(self) -> None:
        """Correct them if the last sign, also that of a predecessor, was given later than now."""
        behind = self.store.processes.clock_set_back()
        if behind > LEAST_STEP:
            changed = pull_back(self.store.database, behind, self.lease)
            log.warning("The database's clock was set back", seconds=round(behind.total_seconds()), corrected=changed)
