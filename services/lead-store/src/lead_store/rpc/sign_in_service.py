"""SignInService: codes of the console that count once."""

from typing import Any

from leadsync.console.v1 import sign_in_service_pb2 as pb
from leadsync.console.v1.sign_in_service_pb2_grpc import SignInServiceServicer

from lead_store.domain.errors import Invalid
from lead_store.mongo.sign_in_codes import SignInCodes
from lead_store.rpc.requests import required
from lead_store.rpc.times import from_timestamp


class SignInService(SignInServiceServicer):
    """Sign-ins."""

    def __init__(self, codes: SignInCodes) -> None:
        self.codes = codes

    def SpendCode(self, request: pb.SpendCodeRequest, context: Any) -> pb.SpendCodeResponse:  # noqa: N802, ARG002
        """Note that a code is used."""
        if not request.HasField("expires_at"):
            raise Invalid("expires_at", "is required")
        fresh = self.codes.spend(
            required("tenant_id", request.tenant_id),
            required("code_id", request.code_id),
            from_timestamp(request.expires_at),
        )
        return pb.SpendCodeResponse(used_before=not fresh)
