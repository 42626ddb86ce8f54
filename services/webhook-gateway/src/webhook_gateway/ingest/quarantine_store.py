"""lead-store's quarantine, where requests that could not be verified are kept for a while."""

from collections.abc import Sequence

import grpc
from leadsync.inbox.v1 import inbox_service_pb2 as pb
from leadsync.inbox.v1.inbox_service_pb2_grpc import InboxServiceStub

from webhook_gateway.ingest.quarantine import QuarantinedRequest
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.messages import set_time

PAGE_REQUESTS = 100
STORE_SECONDS = 2.5


class QuarantineStore(Client):
    """Fills, reads and empties the quarantine. Every method raises ServiceProblem."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = InboxServiceStub(channel)

    async def store(self, requests: Sequence[QuarantinedRequest]) -> int:
        """Store requests, as `quarantine.Storer`; answers for how many there was room."""
        message = pb.QuarantineRequestsRequest(requests=[_message(item) for item in requests])
        return (await self.call(self._stub.QuarantineRequests, message, STORE_SECONDS)).kept

    async def size(self) -> int:
        """Count the requests in quarantine."""
        answer = await self.call(self._stub.CountQuarantined, pb.CountQuarantinedRequest())
        return sum(item.requests for item in answer.counts)

    async def page(self, token: str) -> tuple[list[tuple[str, QuarantinedRequest]], str]:
        """A page of requests with their keys, oldest first, and the token of the next one; empty on the last."""
        request = pb.ListQuarantinedRequest(page_size=PAGE_REQUESTS, page_token=token)
        answer = await self.call(self._stub.ListQuarantined, request)
        return [(item.request_key, _plain(item)) for item in answer.requests], answer.next_page_token

    async def forget(self, keys: Sequence[str]) -> None:
        """Remove requests; repeating it changes nothing."""
        await self.call(self._stub.ForgetQuarantined, pb.ForgetQuarantinedRequest(request_keys=keys))


def _message(item: QuarantinedRequest) -> pb.QuarantinedRequest:
    message = pb.QuarantinedRequest(
        request_key=item.key,
        provider=item.provider,
        target=item.target,
        body=item.body,
        headers=item.headers,
        reason=item.reason,
    )
    set_time(message.received_at, item.received_at_ms)
    return message


def _plain(item: pb.QuarantinedRequest) -> QuarantinedRequest:
    return QuarantinedRequest(
        item.provider, item.target, dict(item.headers), item.body, item.reason, item.received_at.ToMilliseconds()
    )
