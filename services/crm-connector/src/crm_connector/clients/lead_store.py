"""Our client of lead-store: deadlines, retries where a call is repeatable, pb2 in and out."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace

import grpc
import tenacity
from leadsync.inbox.v1 import inbox_service_pb2, inbox_service_pb2_grpc
from leadsync.lead.v1 import lead_service_pb2, lead_service_pb2_grpc
from leadsync.sync.v1 import plan_service_pb2, plan_service_pb2_grpc
from leadsync.sync.v1 import work_service_pb2 as pb
from leadsync.sync.v1 import work_service_pb2_grpc as pb_grpc

from crm_connector.clients import mapping, policy
from crm_connector.clients.channel import mapped_errors
from crm_connector.clients.halving import in_halves
from crm_connector.domain.batch_size import MAX_BATCH_SIZE
from crm_connector.domain.capabilities import Capabilities
from crm_connector.domain.delivery import Delivery
from crm_connector.domain.errors import StoreTooLargeError, StoreUnavailableError
from crm_connector.domain.integration import Integration
from crm_connector.domain.observation import (
    ArchivedRecord,
    Decision,
    Lease,
    LeaseBatch,
    Observation,
    Present,
    Release,
    UnreadRecord,
    WriteResult,
)
from crm_connector.domain.retry import Retries

_LEAVE_SECONDS = 0.5
_SETTLE_TRIES = 4
# A page of an import looks for its waiting records in at most so many pages of due work.
_WORK_PAGES, _WORK_PAGE_SIZE = 5, 200


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds that calls may take. `batch` is for up to 100 records in one transaction, or each in its own one."""

    call: float = 5.0
    batch: float = 15.0
    settle: float = 10.0


class GrpcLeadStore:
    """lead-store over a channel. `worker_id` is new at each start of the process.

    Every method raises StoreUnavailableError if it does not answer in time, StoreRefusedError if it refuses the call.
    `monotonic` is the clock that measures leases, `stopping` waits between tries.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        worker_id: str,
        monotonic: Callable[[], float] = time.monotonic,
        stopping: threading.Event | None = None,
        retries: Retries | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._stub = pb_grpc.WorkServiceStub(channel)
        self._plans = plan_service_pb2_grpc.PlanServiceStub(channel)
        self._inbox = inbox_service_pb2_grpc.InboxServiceStub(channel)
        self._leads = lead_service_pb2_grpc.LeadServiceStub(channel)
        self._worker_id = worker_id
        self._lock = threading.Lock()
        self._held: grpc.Future[pb.LeaseWorkResponse] | None = None
        self._monotonic = monotonic
        self._stopping = stopping or threading.Event()
        self._retries = retries or Retries()
        self._deadlines = deadlines or Deadlines()

    def check_policy(self, integration: Integration, *, drop_unmapped: bool) -> Integration:
        """Check the policy of an integration: the integration with its effective policy and the types of its fields.

        With `drop_unmapped`, rules of fields that are not mapped are dropped instead of refused.

        Raises:
            InvalidError: with lead-store's reason and the paths of what cannot be.

        """
        mapped = sorted(integration.mapping)
        given = policy.restricted(integration.policy, mapped) if drop_unmapped else integration.policy
        request = plan_service_pb2.CheckPolicyRequest(
            tenant_id=integration.tenant_id, policy=policy.message_of(given), mapped_fields=mapped
        )
        with mapped_errors(pass_on=True):
            checked = self._plans.CheckPolicy(request, timeout=self._deadlines.call).policy
        types = policy.policy_of(checked).types
        return replace(integration, policy=given, effective=policy.effective(checked).text, types=types)

    def put_target(self, integration: Integration, capabilities: Capabilities, provider_name: str) -> int:
        """Put the target of an integration: the number of work items that its apply run goes through. Repeatable."""
        target = mapping.target(integration, capabilities, provider_name)
        request = pb.PutTargetRequest(target=target, run_id=integration.apply_run_id)
        with mapped_errors():
            return self._stub.PutTarget(request, timeout=self._deadlines.call).queued

    def remove_target(self, tenant_id: str, integration_id: str) -> None:
        """Remove the target of an integration. Repeatable."""
        request = pb.RemoveTargetRequest(tenant_id=tenant_id, integration_id=integration_id)
        with mapped_errors():
            self._stub.RemoveTarget(request, timeout=self._deadlines.batch)

    def lease(self, wait_seconds: int, busy: Sequence[str], size: int = MAX_BATCH_SIZE) -> LeaseBatch:
        """Lease at most `size` due work items of an integration that is not in `busy`. `interrupt` ends a held call."""
        request = pb.LeaseWorkRequest(
            worker_id=self._worker_id, max_leases=size, wait_seconds=wait_seconds, busy_integration_ids=busy
        )
        claimed_at = self._monotonic()  # before the call: the lease may begin at any time from here (R4)
        with mapped_errors():
            with self._lock:
                if self._stopping.is_set():
                    raise StoreUnavailableError("stopping", "The connector is stopping.")
                held = self._held = self._stub.LeaseWork.future(request, timeout=wait_seconds + self._deadlines.call)
            try:
                response = held.result()
            except grpc.FutureCancelledError as error:
                raise StoreUnavailableError("stopping", "The connector is stopping.") from error
        return mapping.lease_batch(response, claimed_at)

    @property
    def worker_id(self) -> str:
        """The name under which this process leases."""
        return self._worker_id

    def leave(self, worker_id: str = "") -> None:
        """Give up our integrations and work, since this process ends, or those of another one that has ended.

        If that fails, its leases end by themselves.
        """
        request = pb.LeaseWorkRequest(worker_id=worker_id or self._worker_id, leaving=True)
        with suppress(grpc.RpcError):
            self._stub.LeaseWork(request, timeout=_LEAVE_SECONDS)

    def interrupt(self) -> None:
        """End a held lease call and refuse further ones, since the process is about to end."""
        with self._lock:
            self._stopping.set()
            if self._held is not None:
                self._held.cancel()

    def claim(self, integration_id: str) -> None:
        """Become the process that works an integration, and so the one that spends its account's quota.

        StoreUnavailableError `integration_busy` while another process works it, or it is paused.
        """
        self.lease_page(integration_id, ())

    def lease_page(
        self, integration_id: str, records: Sequence[Present | ArchivedRecord | UnreadRecord], *, sweep: bool = False
    ) -> LeaseBatch:
        """Lease records of a page that changed since their last reading (R9); of the archive, those that are linked.

        `sweep` = a sweep found them, not an event. StoreUnavailableError `integration_busy` while another process works
        the integration, or it is paused.
        """
        request = pb.LeaseWorkRequest(
            worker_id=self._worker_id,
            max_leases=MAX_BATCH_SIZE,
            integration_id=integration_id,
            records=[mapping.message(pb.PageRecord, record) for record in records],
            sweep=sweep,
        )
        claimed_at = self._monotonic()
        with mapped_errors():
            response = self._stub.LeaseWork(request, timeout=self._deadlines.call)
        return mapping.lease_batch(response, claimed_at)

    def waiting(self, tenant_id: str, integration_id: str, record_ids: Set[str]) -> int:
        """Count the records that are due or leased; of a backlog over a thousand only the first part is searched."""
        request = pb.ListWorkRequest(tenant_id=tenant_id, integration_id=integration_id, page_size=_WORK_PAGE_SIZE)
        count = 0
        for _ in range(_WORK_PAGES if record_ids else 0):
            with mapped_errors():
                response = self._stub.ListWork(request, timeout=self._deadlines.call)
            count += sum(work.record_id in record_ids and work.state != pb.WORK_STATE_FAILED for work in response.work)
            request.page_token = response.next_page_token
            if not request.page_token:
                break
        return count

    def reconcile(self, observations: Sequence[Observation]) -> Iterator[Decision]:
        """Let lead-store decide on 1 to 100 observations. One that is too large for it has no decision.

        Not repeated: if the answer is lost, the leases end and the work is due again.
        """

        def send(part: Sequence[Observation]) -> pb.ReconcileResponse:
            seen = [mapping.observation(one) for one in part]
            with mapped_errors():
                request = pb.ReconcileRequest(worker_id=self._worker_id, observations=seen)
                return self._stub.Reconcile(request, timeout=self._deadlines.batch)

        for response in in_halves(observations, send):
            yield from map(mapping.decision, response.decisions)

    def plan(
        self,
        integration_id: str,
        records: Sequence[Present],
        seen: Sequence[Observation],
        proposed: tuple[Integration, Capabilities] | None = None,
        *,
        push: bool = False,
    ) -> list[Decision]:
        """Ask what would be decided on records as they were read, and on observations after them; 100 together at most.

        With `proposed` it plans as if the integration were like that. `push` = the leases are from `plan_leads`.
        """
        target = mapping.target(*proposed) if proposed else None

        def send(part: Sequence[Present | Observation]) -> plan_service_pb2.PlanRecordsResponse:
            request = plan_service_pb2.PlanRecordsRequest(
                integration_id=integration_id,
                records=[mapping.present(one) for one in part if isinstance(one, Present)],
                observations=[mapping.observation(one) for one in part if isinstance(one, Observation)],
                target=target,
                push=push,
            )
            with mapped_errors():
                return self._plans.PlanRecords(request, timeout=self._deadlines.batch)

        given: list[Present | Observation] = [*records, *seen]
        decisions = [mapping.decision(one) for response in in_halves(given, send) for one in response.decisions]
        if len(decisions) < len(given):
            raise StoreTooLargeError("cannot_be_stored", "A record is too large for lead-store.")
        return decisions

    def plan_leads(self, tenant_id: str, integration_id: str, lead_ids: Sequence[str]) -> list[Lease]:
        """Ask what a push of 1 to 100 leads would lease. These leases are only for `plan`."""
        request = plan_service_pb2.PlanLeadsRequest(
            tenant_id=tenant_id, integration_id=integration_id, lead_ids=lead_ids
        )
        with mapped_errors():
            response = self._plans.PlanLeads(request, timeout=self._deadlines.call)
        return [mapping.lease(lease) for lease in response.leases]

    def settle(self, results: Sequence[WriteResult], ends_at: float) -> int:
        """Store the outcomes of 1 to 100 writes, trying until the monotonic time `ends_at`: the number that settled.

        Those that do not settle are sent again a few times. The fence makes that harmless. Without it, a result that
        lost against another change of its lead would wait until its lease ends.
        """
        left = list(results)
        for failures in range(1, _SETTLE_TRIES + 1):
            left = self._unsettled(left, ends_at)
            pause = self._retries.contention.wait(failures)
            if not left or failures == _SETTLE_TRIES or self._monotonic() + pause > ends_at:
                break
            if self._stopping.wait(pause):
                break
        return len(results) - len(left)

    def release(self, releases: Sequence[Release]) -> None:
        """Release work items without a decision."""
        request = pb.ReleaseWorkRequest(
            worker_id=self._worker_id, releases=[mapping.release(release) for release in releases]
        )
        with mapped_errors():
            self._stub.ReleaseWork(request, timeout=self._deadlines.call)

    def leads(self, tenant_id: str, page_token: str, limit: int) -> tuple[list[str], str]:
        """List ids of the tenant's leads, oldest first, and the token of the next page; empty on the last."""
        request = lead_service_pb2.ListLeadsRequest(tenant_id=tenant_id, page_size=limit, page_token=page_token)
        with mapped_errors():
            response = self._leads.ListLeads(request, timeout=self._deadlines.call)
        return [lead.lead_id for lead in response.leads], response.next_page_token

    def request_sync(self, tenant_id: str, integration_id: str, lead_ids: Sequence[str], run_id: str) -> int:
        """Make leads due for a run: the number of those that are. Repeatable."""
        request = pb.RequestSyncRequest(
            tenant_id=tenant_id, integration_id=integration_id, lead_ids=lead_ids, run_id=run_id
        )
        with mapped_errors():
            return self._stub.RequestSync(request, timeout=self._deadlines.batch).queued

    def credential_renewed(self, integration: Integration) -> int:
        """Make due what waits or has failed since the CRM refused the old credential: how much that is. Repeatable."""
        request = pb.RequestSyncRequest(
            tenant_id=integration.tenant_id, integration_id=integration.integration_id, credential_renewed=True
        )
        with mapped_errors():
            return self._stub.RequestSync(request, timeout=self._deadlines.batch).queued

    def run_work(self, tenant_id: str, integration_id: str, run_id: str) -> tuple[int, int]:
        """Count the work items of a run: those that are due or leased, and those that have failed."""
        request = pb.GetRunWorkRequest(tenant_id=tenant_id, integration_id=integration_id, run_id=run_id)
        with mapped_errors():
            response = self._stub.GetRunWork(request, timeout=self._deadlines.call)
        return response.pending, response.failed

    def drop_run_work(self, tenant_id: str, integration_id: str, run_id: str) -> None:
        """Drop a run's work that has not begun. Repeatable."""
        request = pb.DropRunWorkRequest(tenant_id=tenant_id, integration_id=integration_id, run_id=run_id)
        with mapped_errors():
            self._stub.DropRunWork(request, timeout=self._deadlines.batch)

    def record(self, delivery: Delivery) -> bool:
        """Keep a delivery durably; whether it is new. One that is too large is kept in halves. Repeatable."""
        request = inbox_service_pb2.RecordDeliveriesRequest(deliveries=[mapping.delivery(delivery)])
        try:
            with mapped_errors():
                answer = self._inbox.RecordDeliveries(request, timeout=self._deadlines.call)
        except StoreTooLargeError:
            if len(delivery.events) < 2:
                raise
            new = [self.record(half) for half in delivery.halves()]
            return any(new)
        return not answer.recorded[0].duplicate

    def _unsettled(self, results: list[WriteResult], ends_at: float) -> list[WriteResult]:
        """Send results, again while lead-store is away: those that did not settle."""
        again = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(StoreUnavailableError),
            wait=lambda state: self._retries.settle.wait(state.attempt_number, random.random()),  # noqa: S311
            stop=lambda _: self._monotonic() >= ends_at or self._stopping.is_set(),
            sleep=self._pause,
            reraise=True,
        )
        settled = set[str]()
        for part, response in in_halves(results, lambda part: (part, again(self._settle, part))):
            pairs = zip(part, response.settlements, strict=True)
            settled |= {result.work_item_id for result, done in pairs if done.settled}
        return [result for result in results if result.work_item_id not in settled]

    def _pause(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    def _settle(self, results: Sequence[WriteResult]) -> pb.SettleWritesResponse:
        request = pb.SettleWritesRequest(worker_id=self._worker_id, results=map(mapping.write_result, results))
        with mapped_errors():
            return self._stub.SettleWrites(request, timeout=self._deadlines.settle)
