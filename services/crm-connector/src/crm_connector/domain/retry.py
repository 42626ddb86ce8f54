"""When something is tried again: all waits of this service. Pure; `chance` is a random number from 0 to 1."""

from dataclasses import dataclass, field

from crm_connector.domain.errors import ConnectorError

# After so many failures a wait no longer grows: every backoff has reached its longest wait by then.
_MOST_GROWTH = 30


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds to wait, growing by `factor` with each failure in a row. The share `jitter` of it is random."""

    first: float
    longest: float
    factor: float = 2.0
    jitter: float = 0.0

    def wait(self, failures: int, chance: float = 1.0) -> float:
        """Give the seconds to wait after so many failures in a row, 1 or more."""
        grown = self.first * self.factor ** min(failures - 1, _MOST_GROWTH)
        return min(self.longest, grown) * (1.0 - self.jitter * (1.0 - chance))

    def scaled(self, scale: float) -> "Backoff":
        """Divide all waits."""
        return Backoff(self.first / scale, self.longest / scale, self.factor, self.jitter)


@dataclass(frozen=True, slots=True)
class Retries:
    """Seconds until the next try."""

    # The CRM failed and did not say how long to wait.
    crm: float = 5.0
    # A person has to repair something: soon enough after that, and little load until then.
    person: float = 60.0
    # MongoDB or lead-store is away: leased work is given back and is due after this time.
    store: float = 2.0
    # MongoDB is away when the process starts.
    start: float = 1.0
    # lead-store did not answer a call for work.
    lease: float = 1.0
    # A turn of a background loop failed as a whole.
    loop: float = 4.0
    # A sweep failed.
    sweep: float = 30.0
    # A run cannot go on.
    run: Backoff = field(default=Backoff(1.0, 30.0))
    # lead-store has not taken all targets.
    upkeep: Backoff = field(default=Backoff(2.0, 30.0))
    # lead-store is away while results of writes wait to be settled.
    settle: Backoff = field(default=Backoff(0.2, 3.0, jitter=1.0))
    # A result lost against another change of its lead.
    contention: Backoff = field(default=Backoff(0.1, 1.0, factor=3.0))
    # A stream cannot be read.
    stream: Backoff = field(default=Backoff(1.0, 60.0, jitter=0.5))
    # A circuit breaker is open.
    breaker: Backoff = field(default=Backoff(5.0, 60.0, jitter=0.5))

    def after(self, error: ConnectorError) -> float:
        """Give the seconds to wait after an error: as the CRM asked, or else longer if a person has to act."""
        if error.retry_after is not None:
            return error.retry_after
        return self.person if error.needs_person else self.crm
