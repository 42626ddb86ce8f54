"""Starting, showing and cancelling runs; the runner works them."""

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.crm import Crm
from crm_connector.domain.errors import CrmError, PreconditionError, StoreRefusedError
from crm_connector.domain.forecast import PlannedRecord
from crm_connector.domain.integration import Integration
from crm_connector.domain.run import Run, RunKind, RunState, is_allowed
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.mongo.planned import MongoPlannedRecords
from crm_connector.mongo.runs import MongoRuns

_log = structlog.get_logger()


class Runs:
    """The use cases on runs."""

    def __init__(
        self,
        runs: MongoRuns,
        planned: MongoPlannedRecords,
        integrations: MongoIntegrations,
        store: GrpcLeadStore,
        new_id: Callable[[], str],
        now: Callable[[], datetime],
    ) -> None:
        self._runs = runs
        self._planned = planned
        self._integrations = integrations
        self._store = store
        self._new_id = new_id
        self._now = now

    def start(
        self,
        tenant_id: str,
        integration_id: str,
        kind: RunKind,
        request_id: str,
        lead_ids: Sequence[str] = (),
        *,
        dry_run: bool = False,
        proposed: Integration | None = None,
    ) -> Run:
        """Start a run; a repeated request gives the first one. A dry run may plan with a `proposed` integration.

        Raises:
            NotFoundError: `integration_not_found`.
            PreconditionError: `direction` if the integration's does not allow it, `run_in_progress`.

        """
        if request_id and (started := self._runs.by_request(tenant_id, request_id)):
            return started
        integration = proposed or self._integrations.get(tenant_id, integration_id)
        if not is_allowed(kind, integration):
            message = f"The direction of this integration is {integration.policy.direction}: there is nothing to do."
            raise PreconditionError("direction", message)
        leads = tuple(dict.fromkeys(lead_ids))
        run = Run(
            self._new_id(),
            tenant_id,
            integration_id,
            kind,
            self._now(),
            request_id,
            total=len(leads),
            lead_ids=leads,
            dry_run=dry_run,
            proposed=proposed,
        )
        try:
            self._runs.add(run)
        except PreconditionError:
            if request_id and (started := self._runs.by_request(tenant_id, request_id)):
                return started
            raise
        _log.info("run_started", run_id=run.run_id, kind=kind.value, integration_id=integration_id, dry_run=dry_run)
        return run

    def get(self, tenant_id: str, run_id: str) -> Run:
        """Get one."""
        return self._runs.get(tenant_id, run_id)

    def page(self, tenant_id: str, integration_id: str, kind: RunKind | None, before: str, limit: int) -> list[Run]:
        """List them, newest first, before this id."""
        return self._runs.page(tenant_id, integration_id, kind, before, limit)

    def planned(self, tenant_id: str, run_id: str, outcome: str, after: str, limit: int) -> list[PlannedRecord]:
        """List what a dry run found after this key, of one outcome or all. PreconditionError `not_a_dry_run`."""
        if not self._runs.get(tenant_id, run_id).dry_run:
            raise PreconditionError("not_a_dry_run", "Only a dry run has a plan, and this run is none.")
        return self._planned.page(run_id, outcome, after, limit)

    def cancel(self, tenant_id: str, run_id: str) -> Run:
        """End a run. Work of it that has begun is finished, the rest is dropped, also when it is cancelled again."""
        self._runs.cancel(self._runs.get(tenant_id, run_id).run_id, self._now())
        run = self._runs.get(tenant_id, run_id)
        if run.hands_over and run.state is RunState.CANCELLED:
            drop_work(self._store, run)
        return run


def drop_work(store: GrpcLeadStore, run: Run) -> None:
    """Drop a run's work that has not begun; an integration that is gone has none left."""
    try:
        store.drop_run_work(run.tenant_id, run.integration_id, run.run_id)
    except StoreRefusedError as error:
        _log.warning("run_work_not_dropped", reason=error.reason, run_id=run.run_id)


def lead_page(store: GrpcLeadStore, run: Run, limit: int) -> tuple[list[str], str]:
    """Give the next page of a push's leads and where the page after it begins; empty after the last."""
    if not run.lead_ids:
        return store.leads(run.tenant_id, run.position, limit)
    start = int(run.position or 0)
    end = start + limit
    return list(run.lead_ids[start:end]), str(end) if end < len(run.lead_ids) else ""


def total_records(crm: Crm) -> int:
    """Ask how many records there are; 0 if the CRM does not say."""
    try:
        return crm.count()
    except CrmError:
        return 0
