"""Our client of lead-store's SyncService: deadlines, repeats where the call is repeatable, pb2 in and out."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import grpc
import tenacity
from leadsync.sync.v1 import sync_service_pb2 as pb
from leadsync.sync.v1 import sync_service_pb2_grpc as pb_grpc

from crm_connector.domain.errors import StoreUnavailableError
from crm_connector.domain.integration import Integration
from crm_connector.domain.observation import Decision, LeaseBatch, Observation, Present, Release, WriteResult
from crm_connector.rpc import sync_mapping

_SECONDS = 5.0
# Up to 100 records in one transaction, and each on its own after a conflict.
_RECONCILE_SECONDS = 15.0
_SETTLE_SECONDS = 10.0
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
    """Implements the LeadStore port over a channel. `worker_id` is new at each start of the process."""

    def __init__(self, channel: grpc.Channel, worker_id: str) -> None:
        self._stub = pb_grpc.SyncServiceStub(channel)
        self._worker_id = worker_id
        self._lock = threading.Lock()
        self._held: grpc.Future[pb.LeaseWorkResponse] | None = None
        self._interrupted = False

    def put_target(self, integration: Integration) -> None:
        """Tell lead-store about an integration."""
        with _mapped():
            self._stub.PutTarget(pb.PutTargetRequest(target=sync_mapping.target(integration)), timeout=_SECONDS)

    def remove_target(self, tenant_id: str, integration_id: str) -> None:
        """Make lead-store forget an integration."""
        request = pb.RemoveTargetRequest(tenant_id=tenant_id, integration_id=integration_id)
        with _mapped():
            self._stub.RemoveTarget(request, timeout=_RECONCILE_SECONDS)

    def lease(self, wait_seconds: int, busy: Sequence[str]) -> LeaseBatch:
        """Lease due lanes; `interrupt` ends a held call."""
        request = pb.LeaseWorkRequest(
            worker_id=self._worker_id, max_leases=100, wait_seconds=wait_seconds, busy_integration_ids=busy
        )
        claimed_at = time.monotonic()  # before the call: the lease may begin at any time from here (R4)
        with _mapped():
            with self._lock:
                if self._interrupted:
                    raise StoreUnavailableError("stopping", "The connector is stopping.")
                held = self._held = self._stub.LeaseWork.future(request, timeout=wait_seconds + _SECONDS)
            try:
                response = held.result()
            except grpc.FutureCancelledError as error:
                raise StoreUnavailableError("stopping", "The connector is stopping.") from error
        return sync_mapping.lease_batch(response, claimed_at)

    def interrupt(self) -> None:
        """End a held lease call and refuse further ones, since the process is about to end."""
        with self._lock:
            self._interrupted = True
            if self._held is not None:
                self._held.cancel()

    def lease_page(self, integration_id: str, records: Sequence[Present]) -> LeaseBatch:
        """Lease the changed records of a page."""
        request = pb.LeaseWorkRequest(
            worker_id=self._worker_id,
            max_leases=100,
            integration_id=integration_id,
            records=[sync_mapping.page_record(record) for record in records],
        )
        claimed_at = time.monotonic()
        with _mapped():
            response = self._stub.LeaseWork(request, timeout=_SECONDS)
        return sync_mapping.lease_batch(response, claimed_at)

    def reconcile(self, observations: Sequence[Observation]) -> list[Decision]:
        """Have observations decided. Not repeated: if the answer is lost, the leases end and the work is due again."""
        request = pb.ReconcileRequest(
            worker_id=self._worker_id, observations=[sync_mapping.observation(seen) for seen in observations]
        )
        with _mapped():
            response = self._stub.Reconcile(request, timeout=_RECONCILE_SECONDS)
        return [sync_mapping.decision(decision) for decision in response.decisions]

    def settle(self, results: Sequence[WriteResult], ends_at: float) -> int:
        """Keep what came of writes; repeated while the lease lasts, which its fence makes harmless."""
        request = pb.SettleWritesRequest(
            worker_id=self._worker_id, results=[sync_mapping.write_result(result) for result in results]
        )
        again = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(StoreUnavailableError),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=3.0),
            stop=lambda _: time.monotonic() >= ends_at,
            reraise=True,
        )
        response: pb.SettleWritesResponse = again(self._settle, request)
        return sum(settlement.settled for settlement in response.settlements)

    def release(self, releases: Sequence[Release]) -> None:
        """Give lanes back."""
        request = pb.ReleaseWorkRequest(
            worker_id=self._worker_id, releases=[sync_mapping.release(release) for release in releases]
        )
        with _mapped():
            self._stub.ReleaseWork(request, timeout=_SECONDS)

    def _settle(self, request: pb.SettleWritesRequest) -> pb.SettleWritesResponse:
        with _mapped():
            return self._stub.SettleWrites(request, timeout=_SETTLE_SECONDS)


@contextmanager
def _mapped() -> Iterator[None]:
    """Turn any failed call into one error: whatever the status, the same call may be repeated later."""
    try:
        yield
    except grpc.RpcError as error:
        code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
        reason = "store_unavailable" if code is grpc.StatusCode.UNAVAILABLE else f"lead_store_{code.name.lower()}"
        raise StoreUnavailableError(reason, "lead-store did not do what it was asked to.") from error
