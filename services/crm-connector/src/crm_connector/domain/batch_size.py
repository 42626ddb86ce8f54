"""How many records a process leases at once."""

MAX_BATCH_SIZE = 100  # what one call of a CRM reads or writes


class BatchSize:
    """Halves after a batch whose writes could not be sent before its leases ended (R4), then grows again.

    Without it a slow machine would read and decide on the same hundred records again and again and never write one.
    Jobs on several threads may report at once: the last report counts.
    """

    def __init__(self) -> None:
        self.now = MAX_BATCH_SIZE

    def was_late(self, batch: int) -> None:
        """Note that too little time was left for the writes of a batch of so many records."""
        self.now = max(1, batch // 2)

    def was_in_time(self, batch: int) -> None:
        """Note that all writes of a batch of so many records could be sent: the next may be twice as large."""
        if batch >= self.now:
            self.now = min(MAX_BATCH_SIZE, 2 * batch)
