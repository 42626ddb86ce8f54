"""Saying whose a record is."""

from msgspec import UNSET

from webhook_gateway.http.calling import Call
from webhook_gateway.http.problems import Fault, invalid
from webhook_gateway.model.matches import Pick


async def pick_match(call: Call, body: Pick) -> None:
    """Say which candidate a record belongs to, or that it is a new lead; its work becomes due and does the rest."""
    if (body.lead_id is not UNSET) == body.create_new:
        raise invalid(Fault("leadId", "exactly one of leadId and createNew is needed"))
    await call.services.matches.pick(call.tenant, body, call.caller.subject)
