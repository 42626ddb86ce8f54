# ruff: noqa: N802  the contracts name the methods
"""A double of lead-store's InboxService: deliveries and the quarantine."""

import asyncio

from google.rpc import code_pb2  # type: ignore[import-untyped, unused-ignore]
from integration.gateway.doubles.status import Context, fail
from leadsync.inbox.v1 import inbox_service_pb2 as pb
from leadsync.inbox.v1.inbox_service_pb2_grpc import InboxServiceServicer


class FakeInbox(InboxServiceServicer):
    """Keeps deliveries; `gate` holds calls back while it is closed, `refuse` names accounts that are not accepted."""

    def __init__(self) -> None:
        self.kept: dict[str, pb.Delivery] = {}
        self.calls: list[list[str]] = []
        self.sizes: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Condition()
        self.refuse: set[str] = set()
        self.work: list[pb.RecordWork] = []
        self.listed: list[pb.ListDeliveriesRequest] = []
        self.listing = [0, 0]  # calls in progress: now, and at most
        self.list_gate = asyncio.Event()
        self.list_gate.set()
        self.quarantine: dict[str, pb.QuarantinedRequest] = {}
        self.quarantine_gate = asyncio.Event()
        self.quarantine_gate.set()
        self.quarantine_room = 1000
        self.quarantine_calls = 0
        self.forgets = True

    async def RecordDeliveries(
        self, request: pb.RecordDeliveriesRequest, context: Context
    ) -> pb.RecordDeliveriesResponse:
        """Keep them all, or none."""
        self.calls.append([item.account_id for item in request.deliveries])
        self.sizes.append(request.ByteSize())
        async with self.arrived:
            self.arrived.notify_all()
        await self.gate.wait()
        if self.refuse & {item.account_id for item in request.deliveries}:
            await fail(context, code_pb2.INVALID_ARGUMENT, "invalid_field", "no", "deliveries[0]")
        answer = pb.RecordDeliveriesResponse()
        for item in request.deliveries:
            answer.recorded.add(duplicate=item.delivery_key in self.kept)
            self.kept[item.delivery_key] = item
        return answer

    async def QuarantineRequests(
        self, request: pb.QuarantineRequestsRequest, context: Context
    ) -> pb.QuarantineRequestsResponse:
        """Keep them, if there is room."""
        del context
        await self.quarantine_gate.wait()
        self.quarantine_calls += 1
        if len(self.quarantine) + len(request.requests) > self.quarantine_room:
            return pb.QuarantineRequestsResponse()
        self.quarantine |= {item.request_key: item for item in request.requests}
        return pb.QuarantineRequestsResponse(kept=len(request.requests))

    async def CountQuarantined(
        self, request: pb.CountQuarantinedRequest, context: Context
    ) -> pb.CountQuarantinedResponse:
        """Count them, each on its own."""
        del request, context
        counts = [
            pb.QuarantineCount(
                provider=item.provider, reason=item.reason, requests=1, oldest_received_at=item.received_at
            )
            for item in self.quarantine.values()
        ]
        return pb.CountQuarantinedResponse(counts=counts)

    async def ListQuarantined(self, request: pb.ListQuarantinedRequest, context: Context) -> pb.ListQuarantinedResponse:
        """List one on a page, by key; the token is the key of the page before."""
        del context
        left = sorted(key for key in self.quarantine if key > request.page_token)
        page = [self.quarantine[key] for key in left[:1]]
        return pb.ListQuarantinedResponse(requests=page, next_page_token=left[0] if left[1:] else "")

    async def ForgetQuarantined(
        self, request: pb.ForgetQuarantinedRequest, context: Context
    ) -> pb.ForgetQuarantinedResponse:
        """Forget, or fail if `forgets` is false."""
        if not self.forgets:
            await fail(context, code_pb2.UNAVAILABLE, "store_unavailable", "away")
        for key in request.request_keys:
            self.quarantine.pop(key, None)
        return pb.ForgetQuarantinedResponse()

    async def GetDelivery(self, request: pb.GetDeliveryRequest, context: Context) -> pb.GetDeliveryResponse:
        """Get; every delivery is of the tenant `acme`."""
        item = self.kept.get(request.delivery_key) if request.tenant_id == "acme" else None
        if item is None:
            await fail(context, code_pb2.NOT_FOUND, "delivery_not_found", "the tenant has no such delivery")
        return pb.GetDeliveryResponse(delivery=self._seen(item))

    async def ListDeliveries(self, request: pb.ListDeliveriesRequest, context: Context) -> pb.ListDeliveriesResponse:
        """List all, whatever is asked for; what that was is remembered."""
        del context
        self.listed.append(request)
        now = self.listing[0] + 1
        self.listing = [now, max(now, self.listing[1])]
        await self.list_gate.wait()
        self.listing[0] -= 1
        return pb.ListDeliveriesResponse(deliveries=[self._seen(item) for item in self.kept.values()])

    def _seen(self, item: pb.Delivery) -> pb.KeptDelivery:
        return pb.KeptDelivery(delivery=item, state=pb.DELIVERY_STATE_ROUTED, integration_id="i", records=self.work)

    async def wait_calls(self, count: int) -> None:
        """Wait until so many calls have arrived."""
        async with asyncio.timeout(10), self.arrived:
            await self.arrived.wait_for(lambda: len(self.calls) >= count)
