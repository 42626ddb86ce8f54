"""What a CRM can do, as its provider says. Where decisions depend on it, lead-store gets it with the target."""

from dataclasses import dataclass
from enum import Enum


class EventMode(Enum):
    """How changes reach an integration."""

    WEBHOOK = "webhook"
    STREAM = "stream"
    SWEEP = "sweep"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one account can do; times in seconds."""

    # Kinds of records that are synced, in the CRM's words.
    objects: tuple[str, ...]
    events: EventMode
    # Versions of at least some properties can be read.
    history: bool
    # An update can be bound to the version that it was planned on.
    guarded_writes: bool
    # The id of our last write is stored in the record.
    write_stamp: bool
    # Erasures for privacy are reported.
    erasure_events: bool
    # A search may lag behind so long: the time before the last sweep is searched again.
    overlap: float
    # Modified-at may be so coarse or late: a record that was modified this shortly before its reading counts as unread.
    unread_within: float
    # An unguarded write may land so long after its deadline.
    late_landing: float
    # Removed records are looked for so often; 0 = with each sweep.
    removals_every: float = 0.0

    @property
    def margin(self) -> float:
        """Time that has to be left of a lease after the deadline of a write (R4).

        A guarded write needs none: when it lands late, the CRM refuses it if the record has changed meanwhile.
        """
        return 0.0 if self.guarded_writes else self.late_landing
