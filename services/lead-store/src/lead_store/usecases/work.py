"""The work on records: decide on observations, settle the results of writes, release work that could not be done.

Up to a hundred work items commit in one transaction. If it conflicts with other transactions, the batch is halved, and
each half commits on its own, down to a single work item. A single work item that conflicts five times is released and
stays due. So no decision is based on a state that has changed since it was read.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from lead_store.domain.decision import Decision, NextStep, Outcome, stays_due
from lead_store.domain.errors import StoreError
from lead_store.domain.observation import Observation
from lead_store.domain.reconcile import reconcile
from lead_store.domain.retry import PRODUCTION, Attempts, Waits, attempt_failed
from lead_store.domain.rules import Target
from lead_store.domain.settlement import Done, SettleCase, WriteResult, settle_write
from lead_store.domain.work_item import WorkItem
from lead_store.mongo.failures import described, is_of_document, is_unreachable, traced
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Contended, Session
from lead_store.usecases.commit import Commit
from lead_store.usecases.context import Context, read_context
from lead_store.usecases.decision_log import log_decisions
from lead_store.usecases.run_pace import RunPace
from lead_store.usecases.stripping import Strip
from lead_store.usecases.work_signal import WorkSignal

Item = TypeVar("Item", Observation, WriteResult)
Decided = tuple[WorkItem | None, Decision]  # None = the worker has lost the lease
FENCED = Decision(Outcome.FENCED, NextStep.KEEP)
TRIES_OF_ONE_ITEM = 5
REFUSED_WAIT = timedelta(minutes=1)  # after an error of the database that nobody knows
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker may do with the work items that it has leased."""

    store: Store
    signal: WorkSignal
    platform: str
    waits: Waits = PRODUCTION
    pace: RunPace = field(default_factory=RunPace)

    def reconcile(self, worker_id: str, observations: list[Observation]) -> list[Decision]:
        """Decide on observed records. Returns one decision per observation, in the same order."""
        return self._decide(worker_id, observations, self._reconcile_in)

    def settle(self, worker_id: str, results: list[WriteResult]) -> list[bool]:
        """Store the results of writes. Returns one value per result: False = the lease was lost, nothing was stored."""
        decisions = self._decide(worker_id, results, self._settle_in)
        return [decision is not FENCED for decision in decisions]

    def release(
        self, worker_id: str, work_item: str, fence: int, reason: str, wait: timedelta, *, counts: bool
    ) -> None:
        """End a lease without a decision. The work item is due again after `wait`. `counts` = the attempt failed."""
        held = self.store.work_items.held([work_item], worker_id).get((work_item, fence))
        if held is None:
            return
        now, wait = self.store.now(), self.waits.bounded(wait)
        if counts:
            chance = random.random()  # noqa: S311 - no secret
            attempts = attempt_failed(held.attempts, held.first_failed_at, wait, now, chance, self.waits)
        else:
            attempts = Attempts(held.attempts, held.first_failed_at, now + wait)
        self.store.work_items.release(held, reason, attempts)
        self.signal.note([held.integration_id])

    def fail(self, worker_id: str, work_item: str, fence: int, reason: str) -> None:
        """End a lease as failed. The work item waits until a person redrives it or its record changes again."""
        held = self.store.work_items.held([work_item], worker_id).get((work_item, fence))
        if held is not None:
            self.store.work_items.fail(held, reason)
            self.signal.note([held.integration_id])
            log.warning("Work failed", work_item_id=work_item, reason=reason)

    def _decide(
        self,
        worker_id: str,
        items: list[Item],
        decide_in: Callable[[str, list[Item], datetime, Session], list[Decided]],
    ) -> list[Decision]:
        now, began = self.store.now(), time.monotonic()

        def commit(some: list[Item], session: Session) -> list[Decided]:
            decided = decide_in(worker_id, some, now, session)
            held = [(work_item, decision) for work_item, decision in decided if work_item is not None]
            Commit(self.store).decisions(held, now, session)
            return decided

        decided = self._commit(worker_id, items, commit)
        log_decisions(decided)
        self.pace.decided(decided, time.monotonic() - began)
        if any(decision.erases for _, decision in decided):
            Strip(self.store, self.signal).soon()
        self.signal.note({one.integration_id for one, decision in decided if one and stays_due(one, decision)})
        self.signal.notify({touch.integration_id for _, decision in decided for touch in decision.touches})
        return [decision for _, decision in decided]

    def _commit(
        self, worker_id: str, items: list[Item], commit: Callable[[list[Item], Session], list[Decided]]
    ) -> list[Decided]:
        """Commit all items together or, if that fails, each half alone: one bad record does not block the others."""
        if len(items) == 1:
            return [self._commit_one(worker_id, items[0], lambda session: commit(items, session))]
        try:
            return self.store.transact(lambda session: commit(items, session), tries=1)
        except Contended:
            pass
        except StoreError:
            raise
        except Exception as error:  # one record may be the cause, so the others are tried without it
            if is_unreachable(error):
                raise
            log.warning("A batch is decided in parts", items=len(items), **described(error))
        halves = items[: len(items) // 2], items[len(items) // 2 :]
        return [decided for half in halves for decided in self._commit(worker_id, half, commit)]

    def _commit_one(self, worker_id: str, item: Item, commit: Callable[[Session], list[Decided]]) -> Decided:
        try:
            return self.store.transact(commit, tries=TRIES_OF_ONE_ITEM)[0]
        except Contended:
            return self._put_back(worker_id, item, "contended", timedelta())
        except StoreError:
            raise
        except Exception as error:  # whatever it is, the other records of the batch go on
            if is_unreachable(error):
                raise
            if not is_of_document(error):  # not the record's fault, whatever it is
                log.error("The database refused a decision", work_item_id=item.work_item_id, **described(error))  # noqa: TRY400 - the error's text may hold values
                return self._put_back(worker_id, item, "store_unavailable", REFUSED_WAIT)
            # This work item fails, and people see it in the list of failed work.
            log.error("A record cannot be decided", work_item_id=item.work_item_id, **traced(error))  # noqa: TRY400 - the same
            self.fail(worker_id, item.work_item_id, item.fence, "cannot_be_stored")
            return None, Decision(Outcome.FAILED, NextStep.KEEP, "cannot_be_stored")

    def _put_back(self, worker_id: str, item: Item, reason: str, wait: timedelta) -> Decided:
        """Let a work item be tried again later. After a write, that is once its lease has ended (R2)."""
        if not isinstance(item, Observation):
            return None, FENCED
        self.release(worker_id, item.work_item_id, item.fence, reason, wait, counts=False)
        return None, Decision(Outcome.RELEASED, NextStep.KEEP, reason)

    def _reconcile_in(
        self, worker_id: str, observations: list[Observation], now: datetime, session: Session
    ) -> list[Decided]:
        held = self.store.work_items.held([seen.work_item_id for seen in observations], worker_id, session)
        work_items = [held.get((seen.work_item_id, seen.fence)) for seen in observations]
        target, others = self._targets(work_items, session)
        if target is None:
            return [(None, FENCED) for _ in observations]
        pairs = list(zip(work_items, observations, strict=True))
        context = read_context(self.store, target, others, pairs, now, session)
        decided: list[Decided] = []
        for work_item, seen in pairs:
            if work_item is None or not _may_decide(work_item, target, now):
                decided.append((None, FENCED))
                continue
            decision = reconcile(context.case(work_item, seen, self.platform, self.waits))
            context.apply(decision)
            decided.append((work_item, decision))
        return decided

    def _settle_in(self, worker_id: str, results: list[WriteResult], now: datetime, session: Session) -> list[Decided]:
        held = self.store.work_items.held([result.work_item_id for result in results], worker_id, session)
        work_items = [held.get((result.work_item_id, result.fence)) for result in results]
        target, _ = self._targets(work_items, session)
        if target is None:
            return [(None, FENCED) for _ in results]
        fields = self.store.lead_fields.get(target.tenant_id, session)
        context = Context(target.typed(fields), fields, (), now)
        named = {work_item.lead_id for work_item in work_items if work_item}
        for lead in self.store.leads.by_ids(target.tenant_id, named, session).values():
            context.add(lead)
        written = {result.outcome.record_id for result in results if isinstance(result.outcome, Done)}
        holders = self.store.leads.by_records(target.tenant_id, target.account, written, session)
        holder_of = {link.record_id: lead for lead in holders if (link := lead.link(target.integration_id))}
        decided: list[Decided] = []
        for work_item, result in zip(work_items, results, strict=True):
            if work_item is None:
                decided.append((None, FENCED))
                continue
            named_lead, done = context.leads.get(work_item.lead_id), result.outcome
            holder = holder_of.get(done.record_id) if isinstance(done, Done) else None
            decision = settle_write(SettleCase(work_item, result, context.target, now, named_lead, holder, self.waits))
            if decision is None:
                decided.append((None, FENCED))
                continue
            context.apply(decision)
            if decision.lead is not None and isinstance(done, Done):
                holder_of.setdefault(done.record_id, decision.lead)
            decided.append((work_item, decision))
        return decided

    def _targets(self, work_items: list[WorkItem | None], session: Session) -> tuple[Target | None, tuple[Target, ...]]:
        """The target that the work items belong to, and the tenant's others."""
        first = next((work_item for work_item in work_items if work_item is not None), None)
        if first is None:
            return None, ()
        targets = self.store.targets.of_tenant(first.tenant_id, session)
        own = next((target for target in targets if target.integration_id == first.integration_id), None)
        return own, tuple(target for target in targets if target is not own)


def _may_decide(work_item: WorkItem, target: Target, now: datetime) -> bool:
    """Whether the lease still runs, and the work item belongs to the target's integration."""
    until = work_item.lease_until
    return until is not None and until > now and work_item.integration_id == target.integration_id
