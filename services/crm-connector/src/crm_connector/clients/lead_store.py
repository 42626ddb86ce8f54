"""Our client of lead-store: deadlines, repeats where the call is repeatable, pb2 in and out."""

import threading
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager, suppress

import grpc
import tenacity
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from leadsync.lead.v1 import lead_service_pb2, lead_service_pb2_grpc
from leadsync.sync.v1 import sync_service_pb2 as pb
from leadsync.sync.v1 import sync_service_pb2_grpc as pb_grpc

from crm_connector.clients import mapping
from crm_connector.domain.errors import StoreRefusedError, StoreUnavailableError
from crm_connector.domain.integration import Integration
from crm_connector.domain.observation import Decision, LeaseBatch, Observation, Present, Release, WriteResult

_SECONDS = 5.0
# Up to 100 records in one transaction, and each on its own after a conflict.
_RECONCILE_SECONDS = 15.0
_SETTLE_SECONDS = 10.0
_LEAVE_SECONDS = 0.5
_SETTLE_PAUSES = (0.1, 0.3, 1.0, 0.0)
# A page of an import looks for its waiting records in so many pages of due work.
_WORK_PAGES, _WORK_PAGE_SIZE = 5, 200
_AWAY = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNKNOWN,
}
_MAX_MESSAGE_BYTES = 64 * 1024 * 1024


def open_channel(target: str) -> grpc.Channel:
    """Open a channel to lead-store; nothing is sent yet."""
    return grpc.insecure_channel(
        target,
        options=[
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            ("grpc.keepalive_time_ms", 60_000),
        ],
    )


class GrpcLeadStore:
    """lead-store over a channel. `worker_id` is new at each start of the process.

    Every method raises StoreUnavailableError when it does not answer in time, StoreRefusedError when it will not.
    """

    def __init__(self, channel: grpc.Channel, worker_id: str) -> None:
        self._stub = pb_grpc.SyncServiceStub(channel)
        self._leads = lead_service_pb2_grpc.LeadServiceStub(channel)
        self._worker_id = worker_id
        self._lock = threading.Lock()
        self._held: grpc.Future[pb.LeaseWorkResponse] | None = None
        self._stopping = threading.Event()

    def put_target(self, integration: Integration) -> None:
        """Tell lead-store about an integration; repeatable."""
        with _mapped():
            self._stub.PutTarget(pb.PutTargetRequest(target=mapping.target(integration)), timeout=_SECONDS)

    def remove_target(self, tenant_id: str, integration_id: str) -> None:
        """Make lead-store forget an integration; repeatable."""
        request = pb.RemoveTargetRequest(tenant_id=tenant_id, integration_id=integration_id)
        with _mapped():
            self._stub.RemoveTarget(request, timeout=_RECONCILE_SECONDS)

    def lease(self, wait_seconds: int, busy: Sequence[str]) -> LeaseBatch:
        """Lease due lanes of one integration that is not in `busy`; `interrupt` ends a held call."""
        request = pb.LeaseWorkRequest(
            worker_id=self._worker_id, max_leases=100, wait_seconds=wait_seconds, busy_integration_ids=busy
        )
        claimed_at = time.monotonic()  # before the call: the lease may begin at any time from here (R4)
        with _mapped():
            with self._lock:
                if self._stopping.is_set():
                    raise StoreUnavailableError("stopping", "The connector is stopping.")
                held = self._held = self._stub.LeaseWork.future(request, timeout=wait_seconds + _SECONDS)
            try:
                response = held.result()
            except grpc.FutureCancelledError as error:
                raise StoreUnavailableError("stopping", "The connector is stopping.") from error
        return mapping.lease_batch(response, claimed_at)

    def leave(self) -> None:
        """Let other processes have our integrations at once, since this one ends. Best effort: a lease ends anyway."""
        with suppress(grpc.RpcError):
            self._stub.LeaseWork(pb.LeaseWorkRequest(worker_id=self._worker_id, leaving=True), timeout=_LEAVE_SECONDS)

    def interrupt(self) -> None:
        """End a held lease call and refuse further ones, since the process is about to end."""
        with self._lock:
            self._stopping.set()
            if self._held is not None:
                self._held.cancel()

    def lease_page(self, integration_id: str, records: Sequence[Present]) -> LeaseBatch:
        """Lease those records of a page that changed since their last reading (R9).

        StoreUnavailableError `integration_busy` while another process works the integration, or it is paused.
        """
        request = pb.LeaseWorkRequest(
            worker_id=self._worker_id,
            max_leases=100,
            integration_id=integration_id,
            records=[mapping.message(pb.PageRecord, record) for record in records],
        )
        claimed_at = time.monotonic()
        with _mapped():
            response = self._stub.LeaseWork(request, timeout=_SECONDS)
        return mapping.lease_batch(response, claimed_at)

    def waiting(self, tenant_id: str, integration_id: str, record_ids: Set[str]) -> int:
        """Count those of the records that are due or leased; of a backlog over a thousand, only its first part."""
        request = pb.ListWorkRequest(tenant_id=tenant_id, integration_id=integration_id, page_size=_WORK_PAGE_SIZE)
        count = 0
        for _ in range(_WORK_PAGES if record_ids else 0):
            with _mapped():
                response = self._stub.ListWork(request, timeout=_SECONDS)
            count += sum(work.record_id in record_ids and work.state != pb.WORK_STATE_FAILED for work in response.work)
            request.page_token = response.next_page_token
            if not request.page_token:
                break
        return count

    def reconcile(self, observations: Sequence[Observation]) -> list[Decision]:
        """Have 1 to 100 observations decided.

        Not repeated: if the answer is lost, the leases end and the work is due again.
        """
        request = pb.ReconcileRequest(
            worker_id=self._worker_id, observations=[mapping.observation(seen) for seen in observations]
        )
        with _mapped():
            response = self._stub.Reconcile(request, timeout=_RECONCILE_SECONDS)
        return [mapping.decision(decision) for decision in response.decisions]

    def settle(self, results: Sequence[WriteResult], ends_at: float) -> int:
        """Keep what came of 1 to 100 writes, trying until the monotonic time `ends_at`; how many still counted.

        Those that do not settle are sent again a few times. Their fence makes that harmless, and a result that only
        lost against other changes of its lead would otherwise wait for its lease to end.
        """
        left = list(results)
        for pause in _SETTLE_PAUSES:
            left = self._unsettled(left, ends_at)
            if not left or time.monotonic() + pause > ends_at or self._stopping.wait(pause):
                break
        return len(results) - len(left)

    def release(self, releases: Sequence[Release]) -> None:
        """Give lanes back without a decision."""
        request = pb.ReleaseWorkRequest(
            worker_id=self._worker_id, releases=[mapping.release(release) for release in releases]
        )
        with _mapped():
            self._stub.ReleaseWork(request, timeout=_SECONDS)

    def leads(self, tenant_id: str, page_token: str, limit: int) -> tuple[list[str], str]:
        """List ids of the tenant's leads, oldest first, and the token of the next page; empty on the last."""
        request = lead_service_pb2.ListLeadsRequest(tenant_id=tenant_id, page_size=limit, page_token=page_token)
        with _mapped():
            response = self._leads.ListLeads(request, timeout=_SECONDS)
        return [lead.lead_id for lead in response.leads], response.next_page_token

    def request_sync(self, tenant_id: str, integration_id: str, lead_ids: Sequence[str], run_id: str) -> int:
        """Make leads due on behalf of a run; the number of those that are. Repeatable."""
        request = pb.RequestSyncRequest(
            tenant_id=tenant_id, integration_id=integration_id, lead_ids=lead_ids, run_id=run_id
        )
        with _mapped():
            return self._stub.RequestSync(request, timeout=_RECONCILE_SECONDS).queued

    def run_work(self, tenant_id: str, integration_id: str, run_id: str) -> tuple[int, int]:
        """How many lanes of a run are due or leased, and how many have failed."""
        request = pb.GetRunWorkRequest(tenant_id=tenant_id, integration_id=integration_id, run_id=run_id)
        with _mapped():
            response = self._stub.GetRunWork(request, timeout=_SECONDS)
        return response.pending, response.failed

    def drop_run_work(self, tenant_id: str, integration_id: str, run_id: str) -> None:
        """Let go of a run's work that nobody has begun; repeatable."""
        request = pb.DropRunWorkRequest(tenant_id=tenant_id, integration_id=integration_id, run_id=run_id)
        with _mapped():
            self._stub.DropRunWork(request, timeout=_RECONCILE_SECONDS)

    def _unsettled(self, results: list[WriteResult], ends_at: float) -> list[WriteResult]:
        """Send results, again and again while lead-store is away; those that did not settle."""
        request = pb.SettleWritesRequest(
            worker_id=self._worker_id, results=[mapping.write_result(result) for result in results]
        )
        again = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(StoreUnavailableError),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=3.0),
            stop=lambda _: time.monotonic() >= ends_at or self._stopping.is_set(),
            reraise=True,
        )
        response: pb.SettleWritesResponse = again(self._settle, request)
        return [result for result, done in zip(results, response.settlements, strict=True) if not done.settled]

    def _settle(self, request: pb.SettleWritesRequest) -> pb.SettleWritesResponse:
        with _mapped():
            return self._stub.SettleWrites(request, timeout=_SETTLE_SECONDS)


@contextmanager
def _mapped() -> Iterator[None]:
    """Tell a lead-store that is not there, where the same call may be repeated, from one that refuses the call."""
    try:
        yield
    except grpc.RpcError as error:
        code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
        if code in _AWAY:
            raise StoreUnavailableError(_reason(error), "lead-store does not answer, or asks to come later.") from error
        raise StoreRefusedError(f"lead_store_{code.name.lower()}", "lead-store refuses the call.") from error


def _reason(error: grpc.RpcError) -> str:
    """Give lead-store's own reason for not answering, e.g. `integration_busy`."""
    status = rpc_status.from_call(error) if isinstance(error, grpc.Call) else None
    info = error_details_pb2.ErrorInfo()
    _ = status is not None and any(detail.Unpack(info) for detail in status.details)
    return str(info.reason) or "store_unavailable"
