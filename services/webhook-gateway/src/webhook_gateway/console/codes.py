"""The codes of one-time links: each counts once, whichever gateway it reaches."""

from datetime import UTC, datetime

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from leadsync.console.v1 import sign_in_service_pb2 as pb
from leadsync.console.v1.sign_in_service_pb2_grpc import SignInServiceStub

from webhook_gateway.rpc.calls import Client


class Codes(Client):
    """Notes used codes in lead-store. Raises ServiceProblem."""

    def __init__(self, store: grpc.aio.Channel) -> None:
        self._stub = SignInServiceStub(store)

    async def spend(self, tenant: str, code_id: str, expires_at: int) -> bool:
        """Note that a code is used; False if it was used before. It would have ended at a time in Unix seconds."""
        end = Timestamp()
        end.FromDatetime(datetime.fromtimestamp(expires_at, UTC))
        request = pb.SpendCodeRequest(tenant_id=tenant, code_id=code_id, expires_at=end)
        return not (await self.call(self._stub.SpendCode, request)).used_before
