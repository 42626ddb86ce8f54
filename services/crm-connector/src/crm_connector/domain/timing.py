"""How long this service waits for things to happen, and the margins that it allows for."""

from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from crm_connector.domain.retry import Backoff, Retries


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. Deadlines of calls are not among them: they do not get shorter in tests."""

    # No second job of an integration begins within this time after the first, so that a burst of events makes one
    # batch.
    batching: float = 0.25
    # A call for work is held open so long, but so much of a lease has to be left, for the lease counts from before the
    # call (R4).
    held_call: float = 20.0
    left_of_lease: float = 40.0
    # What a lease must hold besides the call and its late landing, for reading and deciding.
    spare_of_lease: float = 1.0
    # Calls that come during the start wait so long for MongoDB.
    start_calls: float = 2.0
    # Jobs get so long to end when the process stops.
    stop_jobs: float = 4.0

    # New integrations are noticed by the sweep within this time; between two turns passes at least the shorter one.
    sweep_look: float = 5.0
    sweep_pause: float = 0.05
    # Our clock may be so far ahead of the CRM's; further, and no signature of a webhook would be accepted either.
    clocks_apart: float = 300.0
    # Single changes may reach a CRM's search so late. So often a sweep looks again at all changes since the last time.
    index_behind: float = 900.0
    look_again: float = 3_600.0
    # A CRM's list of removed records may lag behind so long, and its clock differ from ours.
    removed_margin: float = 360.0
    # Reading such a list takes one call in so many seconds at most, in the long run: 5,760 a day.
    removed_page: float = 15.0

    # A runner looks for runs so often, and for how far the work of a run is.
    run_idle: float = 0.5
    run_look: float = 0.5
    # A run of a paused integration is looked at so often.
    run_paused: float = 5.0
    # Live work goes first, but does not hold up a page of a run for longer than this.
    live_work: float = 2.0
    # A run is leased for one page: longer than reading it may take, and than working it off usually does.
    run_lease: float = 30.0
    # A change of an integration is stored right after its run. By then it is stored, or never will be.
    stored_within: float = 60.0

    # All targets are put again so often, in case lead-store has lost some, and the types of lead fields are read again.
    targets_again: float = 300.0

    # A read of a stream waits so long for events. A stream that was not read for longer than the second time is down,
    # and new integrations with a stream are noticed within the third one.
    stream_read: float = 20.0
    stream_silent: float = 60.0
    stream_look: float = 5.0

    # The health of the process is looked at so often.
    health: float = 5.0

    retries: Retries = field(default=Retries())

    def scaled(self, scale: float) -> "Timing":
        """Divide every wait, for tests."""
        return replace(_divided(self, scale), retries=_divided(self.retries, scale))


# These are about clocks of others, or about what may happen meanwhile: nobody waits for them.
_FIXED = {"clocks_apart", "index_behind", "removed_margin", "stored_within"}
_T = TypeVar("_T", Timing, Retries)


def _divided(of: _T, scale: float) -> _T:
    values = {one.name: getattr(of, one.name) for one in fields(of) if one.name not in _FIXED}
    shorter: dict[str, Any] = {name: value / scale for name, value in values.items() if isinstance(value, float)}
    shorter |= {name: value.scaled(scale) for name, value in values.items() if isinstance(value, Backoff)}
    return replace(of, **shorter)
