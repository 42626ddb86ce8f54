"""lead-store's quarantine: requests that could not be verified."""

from collections.abc import Sequence

import grpc
from leadsync.inbox.v1 import inbox_service_pb2 as pb
from leadsync.inbox.v1.inbox_service_pb2_grpc import InboxServiceStub

from webhook_gateway.admission import NotKeptError
from webhook_gateway.clients.calls import Client
from webhook_gateway.clients.errors import RemoteError
from webhook_gateway.clients.mapping import plain, set_time
from webhook_gateway.model.quarantine import QuarantineCount, QuarantineStatus
from webhook_gateway.quarantine import Quarantined

PAGE_REQUESTS = 100
KEEP_SECONDS = 2.5


class QuarantineClient(Client):
    """Fills, counts, reads and empties the quarantine. Every method but `keep` raises RemoteError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = InboxServiceStub(channel)

    async def keep(self, requests: Sequence[Quarantined]) -> int:
        """Keep requests, as `quarantine.Keeper`; how many there was room for. Raises NotKeptError."""
        message = pb.QuarantineRequestsRequest(requests=[_message(item) for item in requests])
        try:
            return (await self.call(self._stub.QuarantineRequests, message, KEEP_SECONDS)).kept
        except RemoteError as error:
            raise NotKeptError(error.reason) from error

    async def get_quarantine(self) -> QuarantineStatus:
        """Count the webhooks that could not be verified and are kept for a while, of all tenants together."""
        answer = await self.call(self._stub.CountQuarantined, pb.CountQuarantinedRequest())
        counts = [plain(item, QuarantineCount) for item in answer.counts]
        oldest = min((item.oldest_received_at for item in counts), default=None)
        return QuarantineStatus(sum(item.requests for item in counts), oldest, counts)

    async def page(self, token: str) -> tuple[list[tuple[str, Quarantined]], str]:
        """A page of requests with their keys, oldest first, and the token of the next one; empty on the last."""
        request = pb.ListQuarantinedRequest(page_size=PAGE_REQUESTS, page_token=token)
        answer = await self.call(self._stub.ListQuarantined, request)
        return [(item.request_key, _plain(item)) for item in answer.requests], answer.next_page_token

    async def forget(self, keys: Sequence[str]) -> None:
        """Forget requests; repeating it changes nothing."""
        await self.call(self._stub.ForgetQuarantined, pb.ForgetQuarantinedRequest(request_keys=keys))


def _message(item: Quarantined) -> pb.QuarantinedRequest:
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


def _plain(item: pb.QuarantinedRequest) -> Quarantined:
    return Quarantined(
        item.provider, item.target, dict(item.headers), item.body, item.reason, item.received_at.ToMilliseconds()
    )
