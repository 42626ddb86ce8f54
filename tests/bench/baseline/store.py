"""The baseline's store: `python -m bench.baseline.store PORT MONGO_URL`; its documents are like lead-store's."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import msgspec
import zstandard
from leadsync.inbox.v1 import inbox_service_pb2 as pb
from leadsync.inbox.v1 import inbox_service_pb2_grpc
from pymongo import IndexModel, MongoClient
from pymongo.write_concern import WriteConcern

DATABASE = "bench_baseline"
INDEXES = (
    IndexModel([("route_key", 1)], partialFilterExpression={"state": "new"}),
    IndexModel([("expires_at", 1)], expireAfterSeconds=0),
)
_Servicer: Any = inbox_service_pb2_grpc.InboxServiceServicer


class BaselineStore(_Servicer):  # type: ignore[misc]
    """Stores deliveries."""

    def __init__(self, client: MongoClient[dict[str, Any]]) -> None:
        self._deliveries = client[DATABASE].get_collection("deliveries", write_concern=WriteConcern("majority", j=True))
        self._deliveries.create_indexes(list(INDEXES))

    def RecordDeliveries(self, request: pb.RecordDeliveriesRequest, _context: Any) -> pb.RecordDeliveriesResponse:  # noqa: N802
        """Store deliveries."""
        now, compress = datetime.now(UTC), zstandard.ZstdCompressor(3).compress
        self._deliveries.insert_many(
            [_document(one, now, compress(one.events)) for one in request.deliveries], ordered=False
        )
        return pb.RecordDeliveriesResponse(recorded=[pb.RecordedDelivery()] * len(request.deliveries))


def _document(delivery: pb.Delivery, now: datetime, events: bytes) -> dict[str, Any]:
    columns = delivery.touch_columns
    rows = zip(
        columns.object_types, columns.record_ids, columns.kinds, columns.occurred_at_ms, columns.sources, strict=True
    )
    return {
        "_id": delivery.delivery_key,
        "provider": delivery.provider,
        "account_id": delivery.account_id,
        "events": events,
        "headers": dict(delivery.headers),
        "touches": _text(list(rows)),
        "event_record_ids": _text(list(delivery.event_record_ids)),
        "about": "\n".join(sorted(set(columns.record_ids))),
        "event_count": delivery.event_count,
        "ignored_count": 0,
        "received_at": delivery.received_at.ToDatetime(UTC),
        "recorded_at": now,
        "route_key": f"{delivery.provider}/{delivery.account_id}/{int(now.timestamp() * 1000):015d}",
        "state": "new",
        "expires_at": now + timedelta(days=30),
    }


def _text(values: Sequence[Any]) -> str:
    return msgspec.json.encode(values).decode()


def _serve(port: int, mongo_url: str) -> None:
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", 16 * 1024 * 1024)])
    with MongoClient[dict[str, Any]](mongo_url) as client:
        inbox_service_pb2_grpc.add_InboxServiceServicer_to_server(BaselineStore(client), server)
        server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        server.wait_for_termination()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2])
