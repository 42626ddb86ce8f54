"""InboxService: deliveries, and requests that could not be verified."""

from collections.abc import Sequence
from typing import Any

from leadsync.inbox.v1 import inbox_service_pb2 as pb
from leadsync.inbox.v1.inbox_service_pb2_grpc import InboxServiceServicer

from lead_store.domain.delivery import Delivery, DeliveryQuery
from lead_store.domain.errors import Invalid
from lead_store.rpc.delivery_mapping import STATES, kept_message
from lead_store.rpc.paging import decode_place, decode_token, encode_place, encode_token, page_limit
from lead_store.rpc.quarantine_mapping import quarantined_message, quarantined_request
from lead_store.rpc.requests import bounded, one_line, required
from lead_store.rpc.times import from_timestamp, to_timestamp
from lead_store.rpc.touch_mapping import touches_of
from lead_store.usecases.inbox import Inbox
from lead_store.usecases.quarantine import Quarantine

DEFAULT_QUARANTINED, MOST_QUARANTINED = 20, 100  # on a page


class InboxService(InboxServiceServicer):
    """Ingest: what the gateway keeps."""

    def __init__(self, inbox: Inbox, quarantine: Quarantine) -> None:
        self.inbox = inbox
        self.quarantine = quarantine

    def RecordDeliveries(  # noqa: N802
        self,
        request: pb.RecordDeliveriesRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.RecordDeliveriesResponse:
        """Keep deliveries durably."""
        duplicates = self.inbox.record([_delivery(n, message) for n, message in enumerate(request.deliveries)])
        return pb.RecordDeliveriesResponse(recorded=[pb.RecordedDelivery(duplicate=again) for again in duplicates])

    def GetDelivery(self, request: pb.GetDeliveryRequest, context: Any) -> pb.GetDeliveryResponse:  # noqa: N802, ARG002
        """Get a kept delivery."""
        seen = self.inbox.get(required("tenant_id", request.tenant_id), required("delivery_key", request.delivery_key))
        return pb.GetDeliveryResponse(delivery=kept_message(seen))

    def ListDeliveries(  # noqa: N802
        self,
        request: pb.ListDeliveriesRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.ListDeliveriesResponse:
        """List kept deliveries, newest first."""
        query, lead_id, limit = _query(request), bounded("lead_id", request.lead_id), page_limit(request.page_size)
        filters = (*map(str, (query.tenant_id, query.integration_id, query.record_ids, query.state)), lead_id)
        before = decode_place(decode_token(request.page_token, *filters))
        seen, more = self.inbox.page(query, lead_id, before, limit)
        token = ""
        if more:
            last = seen[-1].kept.delivery
            token = encode_token(encode_place(last.received_at, last.key), *filters)
        return pb.ListDeliveriesResponse(deliveries=map(kept_message, seen), next_page_token=token)

    def QuarantineRequests(self, request: pb.QuarantineRequestsRequest, context: Any) -> pb.QuarantineRequestsResponse:  # noqa: N802, ARG002
        """Keep requests, if there is room."""
        requests = [quarantined_request(f"requests[{n}]", message) for n, message in enumerate(request.requests)]
        return pb.QuarantineRequestsResponse(kept=self.quarantine.keep(requests))

    def ListQuarantined(self, request: pb.ListQuarantinedRequest, context: Any) -> pb.ListQuarantinedResponse:  # noqa: N802, ARG002
        """List requests whole, oldest first."""
        limit = page_limit(request.page_size, DEFAULT_QUARANTINED, MOST_QUARANTINED)
        provider = bounded("provider", request.provider)
        after = decode_token(request.page_token, provider)
        page, place = self.quarantine.page(provider, after, limit)
        more = encode_token(place, provider)
        return pb.ListQuarantinedResponse(requests=map(quarantined_message, page), next_page_token=more)

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


def _query(request: pb.ListDeliveriesRequest) -> DeliveryQuery:
    if request.state not in STATES:
        raise Invalid("state", "no such state")
    record_id = bounded("record_id", request.record_id)
    return DeliveryQuery(
        tenant_id=required("tenant_id", request.tenant_id),
        integration_id=bounded("integration_id", request.integration_id),
        record_ids=(record_id,) if record_id else None,
        state=STATES[request.state],
        received_after=from_timestamp(request.received_after) if request.HasField("received_after") else None,
        received_before=from_timestamp(request.received_before) if request.HasField("received_before") else None,
    )


def _delivery(position: int, message: pb.Delivery) -> Delivery:
    try:
        return Delivery(
            key=required("delivery_key", message.delivery_key),
            provider=required("provider", message.provider),
            account_id=required("account_id", message.account_id),
            events=message.events,
            headers=dict(message.headers),
            touches=touches_of(message),
            event_count=message.event_count,
            ignored_count=message.ignored_count,
            received_at=from_timestamp(message.received_at),
            event_record_ids=_event_record_ids(message.event_record_ids),
        )
    except Invalid as error:
        raise Invalid(f"deliveries[{position}].{error.field}", error.detail, error.reason) from error


def _event_record_ids(ids: Sequence[str]) -> tuple[str, ...]:
    found = tuple(ids)
    one_line("event_record_ids", "".join(found))
    return found
