"""The part of InboxService for requests that could not be verified."""

from typing import Any

from leadsync.inbox.v1 import inbox_service_pb2 as pb
from leadsync.inbox.v1.inbox_service_pb2_grpc import InboxServiceServicer

from lead_store.domain.quarantine import QuarantinedRequest
from lead_store.rpc.paging import decode_token, encode_token, page_limit
from lead_store.rpc.requests import bounded, required
from lead_store.rpc.times import from_timestamp, to_timestamp
from lead_store.usecases.quarantine import Quarantine

DEFAULT_PAGE, LARGEST_PAGE = 20, 100
LONGEST_TARGET = 4096


class QuarantineService(InboxServiceServicer):
    """The quarantine."""

    def __init__(self, quarantine: Quarantine) -> None:
        self.quarantine = quarantine

    def QuarantineRequests(self, request: pb.QuarantineRequestsRequest, context: Any) -> pb.QuarantineRequestsResponse:  # noqa: N802, ARG002
        """Keep requests, if there is room."""
        requests = [_request(f"requests[{n}]", message) for n, message in enumerate(request.requests)]
        return pb.QuarantineRequestsResponse(kept=self.quarantine.keep(requests))

    def ListQuarantined(self, request: pb.ListQuarantinedRequest, context: Any) -> pb.ListQuarantinedResponse:  # noqa: N802, ARG002
        """List requests whole, oldest first."""
        limit = page_limit(request.page_size, DEFAULT_PAGE, LARGEST_PAGE)
        provider = bounded("provider", request.provider)
        after = decode_token(request.page_token, provider)
        page, place = self.quarantine.page(provider, after, limit)
        more = encode_token(place, provider) if place else ""
        return pb.ListQuarantinedResponse(requests=map(_message, page), next_page_token=more)

    def CountQuarantined(self, request: pb.CountQuarantinedRequest, context: Any) -> pb.CountQuarantinedResponse:  # noqa: N802, ARG002
        """Count requests."""
        counts = [
            pb.QuarantineCount(
                provider=count.provider,
                reason=count.reason,
                requests=count.requests,
                oldest_received_at=to_timestamp(count.oldest_received_at),
            )
            for count in self.quarantine.counts()
        ]
        return pb.CountQuarantinedResponse(counts=counts)

    def ForgetQuarantined(self, request: pb.ForgetQuarantinedRequest, context: Any) -> pb.ForgetQuarantinedResponse:  # noqa: N802, ARG002
        """Forget requests."""
        self.quarantine.forget([required(f"request_keys[{n}]", key) for n, key in enumerate(request.request_keys)])
        return pb.ForgetQuarantinedResponse()


def _request(path: str, message: pb.QuarantinedRequest) -> QuarantinedRequest:
    return QuarantinedRequest(
        key=required(f"{path}.request_key", message.request_key),
        provider=required(f"{path}.provider", message.provider),
        target=bounded(f"{path}.target", message.target, LONGEST_TARGET),
        body=message.body,
        headers=dict(message.headers),
        reason=required(f"{path}.reason", message.reason),
        received_at=from_timestamp(message.received_at),
    )


def _message(request: QuarantinedRequest) -> pb.QuarantinedRequest:
    return pb.QuarantinedRequest(
        request_key=request.key,
        provider=request.provider,
        target=request.target,
        body=request.body,
        headers=dict(request.headers),
        reason=request.reason,
        received_at=to_timestamp(request.received_at),
    )
