"""Quarantined requests: contract to domain and back."""

from leadsync.inbox.v1 import inbox_service_pb2 as pb

from lead_store.domain.quarantine import QuarantinedRequest
from lead_store.rpc.requests import bounded, required
from lead_store.rpc.times import from_timestamp, to_timestamp

LONGEST_TARGET = 4096


def quarantined_request(path: str, message: pb.QuarantinedRequest) -> QuarantinedRequest:
    """A request as the gateway sends it."""
    return QuarantinedRequest(
        key=required(f"{path}.request_key", message.request_key),
        provider=required(f"{path}.provider", message.provider),
        target=bounded(f"{path}.target", message.target, LONGEST_TARGET),
        body=message.body,
        headers=dict(message.headers),
        reason=required(f"{path}.reason", message.reason),
        received_at=from_timestamp(message.received_at),
    )


def quarantined_message(request: QuarantinedRequest) -> pb.QuarantinedRequest:
    """A request as the contract shows it."""
    return pb.QuarantinedRequest(
        request_key=request.key,
        provider=request.provider,
        target=request.target,
        body=request.body,
        headers=dict(request.headers),
        reason=request.reason,
        received_at=to_timestamp(request.received_at),
    )
