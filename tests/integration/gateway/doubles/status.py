"""How a double ends a call with an error."""

from typing import Any, NoReturn

from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped, unused-ignore]
from grpc_status import rpc_status

# The generated base classes type the context for both kinds of server at once.
Context = Any


async def fail(context: Context, code: int, reason: str, message: str, *fields: str) -> NoReturn:
    """End a call as the services do: a status with ErrorInfo, and field violations where fields are named."""
    details = [error_details_pb2.ErrorInfo(reason=reason, domain="leadsync")]
    if fields:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=field, description="is wrong") for field in fields
        ]
        details.append(error_details_pb2.BadRequest(field_violations=violations))
    status = status_pb2.Status(code=code, message=message)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    await context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError("abort returns")
