"""The baseline's gateway: `python -m bench.baseline.gateway PORT STORE_ADDRESS`, with HUBSPOT_CLIENT_SECRET set."""

import asyncio
import hashlib
import hmac
import os
import sys
import time
from base64 import b64encode
from typing import Any

import grpc.aio
import msgspec
import uvicorn
import uvloop
from leadsync.inbox.v1 import inbox_service_pb2 as pb
from leadsync.inbox.v1.inbox_service_pb2_grpc import InboxServiceStub

GROUP = 100  # deliveries: of a hundred events each, they stay below 4 MiB
ANSWER = b'{"accepted":1,"duplicates":0}'


class _Event(msgspec.Struct, rename="camel", gc=False):
    portal_id: int
    object_id: int
    occurred_at: int
    subscription_type: str
    change_source: str = ""
    source_id: str = ""


class BaselineGateway:
    """Answers a POST once its events are stored."""

    def __init__(self, stub: Any, secret: bytes) -> None:
        self._stub = stub
        self._secret = secret
        self._read = msgspec.json.Decoder(list[_Event]).decode
        self._waiting: list[tuple[pb.Delivery, asyncio.Future[None]]] = []
        self._call: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one POST."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        headers = dict(scope["headers"])
        signed = b"POSThttp://" + headers[b"host"] + scope["raw_path"] + body + headers[b"x-hubspot-request-timestamp"]
        signature = b64encode(hmac.digest(self._secret, signed, "sha256"))
        status = 401
        if hmac.compare_digest(signature, headers[b"x-hubspot-signature-v3"]):
            status, stored = 200, asyncio.get_running_loop().create_future()
            self._waiting.append((_delivery(body, self._read(body)), stored))
            if self._call is None:
                self._call = asyncio.create_task(self._send())
            await stored
        length = (b"content-length", str(len(ANSWER)).encode())
        await send({"type": "http.response.start", "status": status, "headers": [length]})
        await send({"type": "http.response.body", "body": ANSWER})

    async def _send(self) -> None:
        """Call until nothing waits; what arrives during a call goes with the next one."""
        while self._waiting:
            group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
            await self._stub.RecordDeliveries(pb.RecordDeliveriesRequest(deliveries=[item for item, _ in group]))
            for _, stored in group:
                stored.set_result(None)
        self._call = None


def _delivery(body: bytes, events: list[_Event]) -> pb.Delivery:
    ids = [str(event.object_id) for event in events]
    delivery = pb.Delivery(
        delivery_key=hashlib.sha256(body).hexdigest(),
        provider="hubspot",
        account_id=str(events[0].portal_id),
        events=body,
        event_record_ids=ids,
        event_count=len(events),
    )
    delivery.received_at.FromMilliseconds(time.time_ns() // 1_000_000)
    columns = delivery.touch_columns
    columns.object_types.extend(["contact"] * len(ids))
    columns.record_ids.extend(ids)
    columns.kinds.extend([pb.TOUCH_KIND_CHANGED] * len(ids))
    columns.occurred_at_ms.extend([event.occurred_at for event in events])
    columns.sources.extend([f"{event.change_source}:{event.source_id}" for event in events])
    columns.into_record_ids.extend([""] * len(ids))
    return delivery


async def _serve(port: int, store: str) -> None:
    async with grpc.aio.insecure_channel(store) as channel:
        app = BaselineGateway(InboxServiceStub(channel), os.environ["HUBSPOT_CLIENT_SECRET"].encode())
        config = uvicorn.Config(
            app,
            port=port,
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_level="warning",
        )
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), sys.argv[2]))
