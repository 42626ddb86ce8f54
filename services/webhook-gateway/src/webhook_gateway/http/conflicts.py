"""Deciding on a field that waits for a person."""

from msgspec import UNSET

from webhook_gateway.http.calling import Call
from webhook_gateway.http.problems import Fault, invalid
from webhook_gateway.model.conflicts import Resolution, Resolved


async def resolve_conflict(call: Call, body: Resolution) -> Resolved:
    """Settle one conflict, exactly as it was seen: take a side's value, or set another one; null or empty clears."""
    if (body.take is UNSET) == (body.value is UNSET):
        raise invalid(Fault("take", "exactly one of take and value is needed"))
    return await call.services.conflicts.resolve(call.tenant, body, call.caller.subject)
