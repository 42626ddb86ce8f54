"""The work on leased records: observe → reconcile → write → settle.

Every lease ends in exactly one of four ways: a decision without a write, a settled write, a release, or the end of its
time. The last is for writes without an answer, which may have landed or not.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import structlog

from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.crm import Crm
from crm_connector.domain.batch_size import BatchSize
from crm_connector.domain.errors import (
    LEASE_TOO_SHORT,
    ConnectorError,
    CrmError,
    CrmRejectedError,
    StoreRefusedError,
    StoreUnavailableError,
)
from crm_connector.domain.observation import (
    ArchivedRecord,
    Decision,
    Lease,
    LeaseBatch,
    NotSent,
    Observation,
    Outcome,
    Present,
    Release,
    ReleaseKind,
    Unread,
    UnreadRecord,
    Write,
    WriteResult,
)
from crm_connector.domain.timing import Timing

# The most rounds of reading and deciding: a page that turns out too old, a new reading, and one with history.
_ROUNDS = 3
_log = structlog.get_logger()


@dataclass(slots=True)
class _Open:
    """A batch in progress: the leases that have no decision yet, the writes to send, and the outcomes so far.

    `late` = the work so far left too little of the leases for the rest. It stays False if the leases were too old from
    the start.
    """

    batch: LeaseBatch
    leases: dict[str, Lease]
    writes: list[tuple[Lease, Write]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    read: bool = False  # whether any of its records was read
    late: bool = False


class Job:
    """Does the work of one batch of leases at a time."""

    def __init__(
        self,
        store: GrpcLeadStore,
        crm: Callable[[str], Crm],
        timing: Timing,
        count: Callable[[str, str], None] = lambda *_: None,
        size: BatchSize | None = None,
    ) -> None:
        """`crm` gives the client of an integration. `count` counts decisions and writes by name.

        `size` is made smaller after a batch that was not done within its leases, and larger after the others.
        """
        self._store = store
        self._crm = crm
        self._timing = timing
        self._count = count
        self._size = size or BatchSize()
        self._reported = False

    def run(
        self, batch: LeaseBatch, decided: Callable[[], None] = lambda: None, page: Sequence[Observation] = ()
    ) -> Counter[str]:
        """Do the work of a batch. Records that are not in `page`, which was read earlier, are read now. Never raises.

        `decided` is called when only the writes of the batch are left to do.

        Returns the number of records by outcome: the names of decisions, and `waiting` for those that are still due.
        """
        work = self._work_off(batch, page, decided)
        (self._size.was_late if work.late else self._size.was_in_time)(len(batch.leases))
        return work.outcomes

    def _work_off(
        self, batch: LeaseBatch, page: Sequence[Observation] = (), decided: Callable[[], None] = lambda: None
    ) -> _Open:
        work = _Open(batch, {lease.work_item_id: lease for lease in batch.leases})
        with self._guarded(work):
            crm = self._crm(batch.integration_id)
            self._check_lease(crm, batch)
            try:
                self._decide(crm, work, list(page))
                if work.writes:
                    decided()
            finally:  # also if a later reading fails: writes that are already decided are sent
                self._carry_out(crm, work)
        return work

    def claim(self, integration_id: str) -> None:
        """Make this process the only one that works for an integration. Raises as `GrpcLeadStore.claim` does."""
        self._store.claim(integration_id)

    def run_removed(self, integration_id: str, records: Sequence[ArchivedRecord]) -> None:
        """Do the work on those removed records that are linked to a lead. Each is read again under its lease."""
        batch = self._store.lease_page(integration_id, records, sweep=True) if records else None
        if batch is not None and batch.leases:
            self.run(batch)

    def run_page(
        self,
        integration_id: str,
        records: Sequence[Present],
        unread: Sequence[UnreadRecord] = (),
        *,
        sweep: bool = False,
    ) -> tuple[Counter[str], Counter[str], set[str]]:
        """Lease those records of a page that changed since last read (R9), and decide on them as they were read (R8).

        Those that are `unread` wait, and are read again later.

        Returns their numbers by outcome, their numbers by reason, and the ids of the records that were not leased:
        these have not changed, or are due anyway.
        """
        bad = {record.record_id: Unread(record.reason) for record in unread}
        seen = {record.record_id: record for record in records} | bad
        listed: list[Present | UnreadRecord] = [*records, *unread]
        batch = self._store.lease_page(integration_id, listed, sweep=sweep) if listed else None
        if batch is None or not batch.leases:
            return Counter(), Counter(), set(seen)
        observations = [
            Observation(lease.work_item_id, lease.fence, seen[lease.record_id], read_before_lease=True)
            for lease in batch.leases
            if lease.record_id in seen
        ]
        work = self._work_off(batch, observations)
        return work.outcomes, work.reasons, set(seen) - {lease.record_id for lease in batch.leases}

    def _check_lease(self, crm: Crm, batch: LeaseBatch) -> None:
        """Report once if lead-store's leases are too short for any write: such writes would wait for ever (R4)."""
        needed = crm.timeout + crm.capabilities.margin + self._timing.spare_of_lease
        if batch.lease_seconds < needed and not self._reported:
            self._reported = True
            leased = batch.lease_seconds
            _log.error("leases_too_short", reason=LEASE_TOO_SHORT, lease_seconds=leased, needed_seconds=needed)

    def _decide(self, crm: Crm, work: _Open, observations: list[Observation]) -> None:
        """Let lead-store decide on every record, read records again if it asks for that, and collect the writes."""
        read = {seen.work_item_id for seen in observations}
        read_by = work.batch.read_by(crm.timeout, crm.capabilities.margin)
        unread = [lease for work_item_id, lease in work.leases.items() if work_item_id not in read]
        for _ in range(_ROUNDS):
            observations = [*observations, *(crm.observe(unread, read_by) if unread else ())]
            observations = self._without_unread(work, observations)
            if not observations:
                break
            unread, work.read = [], True
            for decision in self._store.reconcile(observations):
                self._count("decision", decision.name)
                if decision.outcome is not Outcome.DECIDED:
                    unread.append(_read_again(work.leases[decision.work_item_id], decision))
                    continue
                lease = work.leases.pop(decision.work_item_id)
                work.outcomes[decision.conclusion] += 1
                work.reasons.update(filter(None, [decision.counted_reason]))
                work.writes.extend([(lease, decision.write)] if decision.write else [])
            observations = []
        changing = {lease.work_item_id for lease in unread}  # while they were read
        too_large = [lease for work_item_id, lease in work.leases.items() if work_item_id not in changing]
        self._release(work, ReleaseKind.RETRY, "cannot_be_stored", leases=too_large)
        self._release(work, ReleaseKind.RETRY, "undecided")

    def _without_unread(self, work: _Open, observations: Sequence[Observation]) -> list[Observation]:
        """Release the work items of which nothing was seen: each waits for its own reason, and longer each time."""
        reasons = {one.work_item_id: one.state.reason for one in observations if isinstance(one.state, Unread)}
        for reason in sorted(set(reasons.values())):
            some = [work.leases[work_item_id] for work_item_id, why in reasons.items() if why == reason]
            late = reason == LEASE_TOO_SHORT
            work.late |= late
            self._release(work, ReleaseKind.WAITING if late else ReleaseKind.RETRY, reason, leases=some)
        return [one for one in observations if one.work_item_id not in reasons]

    def _carry_out(self, crm: Crm, work: _Open) -> None:
        """Send the writes whose whole deadline fits in the lease (R4), and settle those whose outcome is known."""
        batch, writes = work.batch, work.writes
        if not writes:
            return
        outcomes = crm.write([write for _, write in writes], batch.send_by(crm.timeout, crm.capabilities.margin))
        results = [
            WriteResult(lease.work_item_id, lease.fence, write.write_id, outcome)
            for lease, write in writes
            if (outcome := outcomes.get(write.write_id)) is not None
        ]
        for result in results:
            self._count("write", type(result.outcome).__name__)
            work.late |= isinstance(result.outcome, NotSent) and result.outcome.reason == LEASE_TOO_SHORT
        unknown = len(writes) - len(results)
        settled = self._store.settle(results, batch.ends_at) if results else 0
        _log.info("written", integration_id=batch.integration_id, writes=len(writes), settled=settled, unknown=unknown)

    @contextmanager
    def _guarded(self, work: _Open) -> Iterator[None]:
        """If something goes wrong, release the work items that have no decision yet."""
        try:
            yield
        except StoreUnavailableError as error:  # if it is lead-store, the leases end by themselves
            self._release(work, ReleaseKind.WAITING, error.reason, self._timing.retries.store)
        except (CrmRejectedError, StoreRefusedError) as error:
            self._release(work, ReleaseKind.RETRY, error.reason)
        except CrmError as error:
            work.late |= work.read and error.reason == LEASE_TOO_SHORT
            self._release(work, ReleaseKind.WAITING, error.reason, self._timing.retries.after(error))
        except ConnectorError as error:  # the integration is gone, or its credential cannot be opened
            self._release(work, ReleaseKind.WAITING, error.reason, self._timing.retries.person)
        except Exception:  # noqa: BLE001 - one job must not end the loop
            _log.exception("work_failed", reason="unexpected", integration_id=work.batch.integration_id)
            self._release(work, ReleaseKind.RETRY, "connector_error")

    def _release(
        self, work: _Open, kind: ReleaseKind, reason: str, wait: float = 0.0, leases: Sequence[Lease] | None = None
    ) -> None:
        """Release work items, by default all that have no decision yet: they are due before their leases would end."""
        leases = list(work.leases.values()) if leases is None else leases
        if not leases:
            return
        integration_id = work.batch.integration_id
        _log.warning("work_released", reason=reason, work_items=len(leases), integration_id=integration_id)
        releases = [Release(lease.work_item_id, lease.fence, kind, reason, int(wait * 1000)) for lease in leases]
        work.outcomes["waiting"] += len(leases)
        for lease in leases:
            del work.leases[lease.work_item_id]
        try:
            self._store.release(releases)
        except (StoreUnavailableError, StoreRefusedError) as error:
            _log.warning("release_failed", reason=error.reason, integration_id=integration_id)


def _read_again(lease: Lease, decision: Decision) -> Lease:
    """Give the lease for another reading: with history if lead-store asked for it, now or before."""
    return replace(lease, history=lease.history or decision.outcome is Outcome.NEEDS_HISTORY)
