"""Works runs, one page at a time: lease the run that was worked longest ago, do its next page, release it.

So all runs have their turn, a killed process loses one page at most, and another process goes on where the run was. A
page may be done twice, which is harmless: records that were read are not leased again, and leads may be due twice.
While lead-store decides on a page of an import, the next one is read.
"""

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.crm import Crm
from crm_connector.domain.errors import (
    ConnectorError,
    CrmError,
    CrmRejectedError,
    MissingScopesError,
    NotFoundError,
    StoreUnavailableError,
)
from crm_connector.domain.integration import Integration
from crm_connector.domain.run import Run, RunKind, RunState, is_allowed
from crm_connector.domain.timing import Timing
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.mongo.runs import MongoRuns
from crm_connector.usecases.busy import Busy
from crm_connector.usecases.planner import Planner
from crm_connector.usecases.read_ahead import PageKey, PageRead, ReadAhead
from crm_connector.usecases.runs import drop_work, lead_page, total_records
from crm_connector.usecases.targets import Targets
from crm_connector.usecases.work import Job

# Work items of a push that are due at once: with more, lead-store finds due work slowly.
MOST_PENDING, LEADS_PER_PAGE = 2_000, 200
_LIST_SECONDS = 10.0
_log = structlog.get_logger()


class _LostError(Exception):
    """The run was cancelled, or another process has it."""


class Runner:
    """Works runs on the thread that calls `turn`; several threads may."""

    def __init__(
        self,
        runs: MongoRuns,
        integrations: MongoIntegrations,
        store: GrpcLeadStore,
        crm: Callable[[str], Crm],
        job: Job,
        planner: Planner,
        targets: Targets,
        busy: Busy,
        *,
        timing: Timing,
        calls: Callable[[], int],
        now: Callable[[], datetime],
        stop: threading.Event,
    ) -> None:
        """`busy` knows the live work; `calls` gives the CRM calls of the calling thread so far."""
        self._runs = runs
        self._integrations = integrations
        self._store = store
        self._crm = crm
        self._job = job
        self._planner = planner
        self._targets = targets
        self._busy = busy
        self._timing = timing
        self._calls = calls
        self._now = now
        self._stop = stop
        self._ahead = ReadAhead()
        self._lock = threading.Lock()
        self._owners: set[str] = set()
        self._paused_until: dict[str, float] = {}
        self._failures: dict[str, int] = {}

    def turn(self) -> float:
        """Do the next page of a run, if there is one; seconds to pause before the next turn."""
        owner = str(uuid.uuid4())
        with self._lock:
            self._owners.add(owner)
            paused = [run_id for run_id, until in self._paused_until.items() if until > time.monotonic()]
        try:
            run = self._runs.claim(owner, paused)
            if run is None:
                return self._timing.run_idle
            self._work(run.begun(self._now()), owner)
            return 0.0
        finally:
            with self._lock:
                self._owners.discard(owner)

    def give_up(self) -> None:
        """Release the runs at work, since the process is about to end."""
        with self._lock:
            owners = set(self._owners)
        try:
            if owners:
                self._runs.give_up(owners)
        except StoreUnavailableError as error:  # then their leases end by themselves
            _log.warning("runs_not_given_up", reason=error.reason, runs=len(owners))

    def _work(self, run: Run, owner: str) -> None:
        """Do one page, and store how far the run is."""
        try:
            after, pause = self._next(run, owner)
        except _LostError:
            self._ahead.drop(run.run_id)
            return
        except ConnectorError as error:
            after, pause = self._after(run, error)
        except Exception:  # noqa: BLE001 - one run must not end the others
            _log.exception("run_page_failed", reason="unexpected", run_id=run.run_id)
            after, pause = self._wait(run, "connector_error")
        self._pause(after, pause)
        if self._runs.keep(after, owner, release=True):
            if after.state is not RunState.RUNNING:
                self._ahead.drop(run.run_id)
                _log.info("run_ended", run_id=run.run_id, state=after.state.value, reason=after.reason, done=after.done)
        elif run.hands_over and self._runs.get(run.tenant_id, run.run_id).state is RunState.CANCELLED:
            drop_work(self._store, run)  # what was queued while it was cancelled

    def _next(self, run: Run, owner: str) -> tuple[Run, float]:
        """Do the next page: the run after it, and the seconds until it is worked again."""
        integration = self._integrations.get(run.tenant_id, run.integration_id)
        if run.kind is RunKind.APPLY and run.run_id != integration.apply_run_id:
            return self._unnamed(run, integration)
        if not is_allowed(run.kind, run.proposed or integration):
            return run.ended(RunState.FAILED, self._now(), "direction"), 0.0
        if integration.paused and not run.dry_run:
            return self._wait(run, "paused")[0], self._timing.run_paused
        run = run.waiting("")
        if run.dry_run:
            self._let_live_work_go_first(run)
            if not integration.paused:  # else no process spends the account's quota
                self._store.claim(run.integration_id)
            return self._planner.page(run, lambda now: self._goes_on(now, owner)), 0.0
        if run.kind is RunKind.IMPORT:
            return self._import(run, owner, integration.revision), 0.0
        return self._push(run) if run.kind is RunKind.PUSH else self._apply(run, integration)

    def _import(self, run: Run, owner: str, revision: int) -> Run:
        """Read one page of records and let lead-store decide on it, while the next one is read."""
        self._let_live_work_go_first(run)
        self._store.claim(run.integration_id)
        read = self._ahead.take(run.run_id, PageKey(run.position, revision))
        read = read or self._read(run, run.position)
        page, before = read.page, self._calls()
        if run.fresh:
            run = replace(run, total=total_records(self._crm(run.integration_id)))
        if not self._goes_on(run, owner):
            return run
        following = str(page.next_position or "")
        if following:
            self._ahead.begin(run.run_id, PageKey(following, revision), lambda: self._read_ahead(run, following))
        outcomes, reasons, unleased = self._job.run_page(run.integration_id, page.records, page.unread)
        waiting = self._store.waiting(run.tenant_id, run.integration_id, unleased)
        outcomes += {"waiting": waiting, "unchanged": len(unleased) - waiting}
        after = run.imported(outcomes, read.calls + self._calls() - before, following, reasons)
        return after if following else after.ended(RunState.SUCCEEDED, self._now())

    def _read(self, run: Run, position: str) -> PageRead:
        before = self._calls()
        page = self._crm(run.integration_id).all_records(position, time.monotonic() + _LIST_SECONDS)
        return PageRead(page, self._calls() - before)

    def _read_ahead(self, run: Run, position: str) -> PageRead:
        """Read on a thread of its own. Live work goes first with the calls of the account here too."""
        self._let_live_work_go_first(run)
        if self._stop.is_set():
            raise _LostError
        return self._read(run, position)

    def _let_live_work_go_first(self, run: Run) -> None:
        self._busy.wait_until_idle(self._timing.live_work, run.integration_id)

    def _goes_on(self, run: Run, owner: str) -> bool:
        """Renew the run's lease in the middle of a page; False if the process is about to end."""
        if self._stop.is_set():
            return False
        if not self._runs.keep(run, owner, release=False):
            raise _LostError
        return True

    def _push(self, run: Run) -> tuple[Run, float]:
        """See how far the leads are, then hand over a page of them, unless too many are pending."""
        tenant_id, integration_id = run.tenant_id, run.integration_id
        if run.fresh and (missing := self._crm(integration_id).account(writes=True).missing_scopes):
            raise MissingScopesError(scopes=missing)
        pending, failed = self._store.run_work(tenant_id, integration_id, run.run_id)
        run = run.looked_at(pending, failed)
        if run.handed_over and not pending:
            return run.ended(RunState.SUCCEEDED, self._now()), 0.0
        if run.handed_over or pending + LEADS_PER_PAGE > MOST_PENDING:
            return run, self._timing.run_look
        lead_ids, position = lead_page(self._store, run, LEADS_PER_PAGE)
        queued = self._store.request_sync(tenant_id, integration_id, lead_ids, run.run_id) if lead_ids else 0
        return run.handed(len(lead_ids), queued, position), 0.0

    def _apply(self, run: Run, integration: Integration) -> tuple[Run, float]:
        """Make sure that lead-store knows the change, which it applies by itself, and see how far it is."""
        if not run.handed_over:
            queued = self._targets.publish(integration)
            if queued is None:
                return self._wait(run, "store_unavailable")
            run = run.handed(queued, queued, "")
        pending, failed = self._store.run_work(run.tenant_id, run.integration_id, run.run_id)
        run = run.looked_at(pending, failed)
        return (run, self._timing.run_look) if pending else (run.ended(RunState.SUCCEEDED, self._now()), 0.0)

    def _unnamed(self, run: Run, integration: Integration) -> tuple[Run, float]:
        """End a run whose change was replaced or never stored. A new change may be about to be stored."""
        stored_by = run.created_at + timedelta(seconds=self._timing.stored_within)
        is_new = run.run_id > integration.apply_run_id and self._now() < stored_by
        return (
            (run, self._timing.run_look) if is_new else (run.ended(RunState.CANCELLED, self._now(), "superseded"), 0.0)
        )

    def _after(self, run: Run, error: ConnectorError) -> tuple[Run, float]:
        """Fail the run if waiting does not help; let it wait after every other error."""
        if isinstance(error, (NotFoundError, MissingScopesError, CrmRejectedError)):
            return run.ended(RunState.FAILED, self._now(), error.reason), 0.0
        seconds = self._timing.retries.after(error) if isinstance(error, CrmError) else 0.0
        return self._wait(run, error.reason, seconds)

    def _wait(self, run: Run, reason: str, seconds: float = 0.0) -> tuple[Run, float]:
        """Let a run wait: so many seconds, or longer each time."""
        if reason != run.reason:
            _log.warning("run_waits", run_id=run.run_id, reason=reason, integration_id=run.integration_id)
        with self._lock:
            failures = self._failures[run.run_id] = self._failures.get(run.run_id, 0) + 1
        return run.waiting(reason), max(seconds, self._timing.retries.run.wait(failures))

    def _pause(self, run: Run, seconds: float) -> None:
        """Pause a run in this process; another one may have what it needs, such as the integration's lease."""
        with self._lock:
            self._paused_until.pop(run.run_id, None)
            if seconds:
                self._paused_until[run.run_id] = time.monotonic() + seconds
            if not run.reason or run.state is not RunState.RUNNING:
                self._failures.pop(run.run_id, None)
