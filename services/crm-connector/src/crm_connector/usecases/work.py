"""The work on leased records: observe → reconcile → write → settle.

Every lease taken ends in exactly one of four ways: a decision without a write, a settled write, a release, or, where a
write may have landed and nobody knows, by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from crm_connector.crm import Crm
from crm_connector.domain.errors import (
    PERSON_RETRY_SECONDS,
    ConnectorError,
    CrmError,
    CrmRejectedError,
    StoreUnavailableError,
)
from crm_connector.domain.observation import (
    Decision,
    Lease,
    LeaseBatch,
    Observation,
    Outcome,
    Release,
    ReleaseKind,
    Write,
    WriteResult,
)
from crm_connector.ports import LeadStore

# Rounds of reading and asking again; two suffice (a page that is too old, then history), the third is for luck.
_ROUNDS = 3
_log = structlog.get_logger()


class Job:
    """Works off one batch of leases."""

    def __init__(
        self, store: LeadStore, crm: Callable[[str], Crm], count: Callable[[str, str], None] = lambda *_: None
    ) -> None:
        """`crm` gives the client of an integration; `count` hears of decisions and writes by name."""
        self._store = store
        self._crm = crm
        self._count = count

    def run(self, batch: LeaseBatch, page: Sequence[Observation] = ()) -> None:
        """Work off a batch, whose records have been read as a `page` before or are read now. Never raises."""
        still_open = {lease.lane_id: lease for lease in batch.leases}
        try:
            crm = self._crm(batch.integration_id)
            writes = self._decide(crm, batch, still_open, list(page))
            self._carry_out(crm, batch, writes)
        except StoreUnavailableError as error:
            # nothing to give back to: the leases end by themselves
            _log.warning("work_stopped", reason=error.reason, integration_id=batch.integration_id)
        except CrmRejectedError as error:
            self._give_back(batch, still_open, ReleaseKind.RETRY, error.reason)
        except CrmError as error:
            self._give_back(batch, still_open, ReleaseKind.WAITING, error.reason, error.retry_after)
        except ConnectorError as error:  # the integration is gone, or its credential cannot be opened
            self._give_back(batch, still_open, ReleaseKind.WAITING, error.reason, PERSON_RETRY_SECONDS)
        except Exception:  # noqa: BLE001 - one job must not end the loop
            _log.exception("work_failed", reason="unexpected", integration_id=batch.integration_id)
            self._give_back(batch, still_open, ReleaseKind.RETRY, "connector_error")

    def _decide(
        self, crm: Crm, batch: LeaseBatch, still_open: dict[str, Lease], observations: list[Observation]
    ) -> list[tuple[Lease, Write]]:
        """Have every record decided, reading again what lead-store wants to see again; the writes it asks for."""
        writes: list[tuple[Lease, Write]] = []
        read, read_by = {seen.lane_id for seen in observations}, batch.read_by(crm.timeout)
        unread = [lease for lane_id, lease in still_open.items() if lane_id not in read]
        for _ in range(_ROUNDS):
            observations = [*observations, *(crm.observe(unread, read_by) if unread else ())]
            if not observations:
                return writes
            unread = []
            for decision in self._store.reconcile(observations):
                self._count("decision", decision.name)
                if decision.outcome is Outcome.DECIDED:
                    lease = still_open.pop(decision.lane_id)
                    writes += [(lease, decision.write)] if decision.write else []
                else:
                    unread.append(_again(still_open[decision.lane_id], decision))
            observations = []
        self._give_back(batch, still_open, ReleaseKind.RETRY, "undecided")
        return writes

    def _carry_out(self, crm: Crm, batch: LeaseBatch, writes: list[tuple[Lease, Write]]) -> None:
        """Send writes while their whole deadline fits in the lease (R4); settle those whose outcome is known."""
        if not writes:
            return
        outcomes = crm.write([write for _, write in writes], batch.send_by(crm.timeout))
        results = [
            WriteResult(lease.lane_id, lease.fence, write.write_id, outcome)
            for lease, write in writes
            if (outcome := outcomes.get(write.write_id)) is not None
        ]
        for result in results:
            self._count("write", type(result.outcome).__name__)
        unknown = len(writes) - len(results)
        settled = self._store.settle(results, batch.ends_at) if results else 0
        _log.info("written", integration_id=batch.integration_id, writes=len(writes), settled=settled, unknown=unknown)

    def _give_back(
        self, batch: LeaseBatch, still_open: dict[str, Lease], kind: ReleaseKind, reason: str, wait: float = 0.0
    ) -> None:
        """Release what is not decided, so that it need not wait for its lease to end."""
        if not still_open:
            return
        _log.warning("work_released", reason=reason, lanes=len(still_open), integration_id=batch.integration_id)
        releases = [Release(lane.lane_id, lane.fence, kind, reason, int(wait * 1000)) for lane in still_open.values()]
        try:
            self._store.release(releases)
        except StoreUnavailableError as error:
            _log.warning("release_failed", reason=error.reason, integration_id=batch.integration_id)


def _again(lease: Lease, decision: Decision) -> Lease:
    """Say how a record has to be read again: with history once that was asked for."""
    return replace(lease, history=lease.history or decision.outcome is Outcome.NEEDS_HISTORY)
