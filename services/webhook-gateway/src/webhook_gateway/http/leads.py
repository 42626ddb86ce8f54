"""The lead API. A blank value comes out as null; null or "" clears a field on the way in."""

from starlette.responses import Response

from webhook_gateway.http.bodies import Body
from webhook_gateway.http.calling import Call, answer, answer_tagged, page_query
from webhook_gateway.http.names import LEAD_FIELDS, is_custom_name, outer_field
from webhook_gateway.http.problems import Fault, invalid
from webhook_gateway.model import Lead, Tagged


async def create_lead(call: Call) -> Response:
    """POST /api/v1/leads → 201; the same `Idempotency-Key` again returns the first lead."""
    values = _values(await call.json())
    request_id = call.request_id()
    filled = {name: value for name, value in values.items() if value}
    lead = await call.services.leads.create(
        call.caller.tenant, filled, request_id=request_id, actor=call.caller.subject
    )
    response = _answer(lead, 201)
    response.headers["location"] = f"/api/v1/leads/{lead.value.id}"
    return response


async def get_lead(call: Call) -> Response:
    """GET /api/v1/leads/{id}."""
    return _answer(await call.services.leads.get(call.caller.tenant, call.path("id")))


async def list_leads(call: Call) -> Response:
    """GET /api/v1/leads, oldest first."""
    query = call.query("email", "pageSize", "pageToken")
    page = await call.services.leads.list(call.caller.tenant, page_query(query), email=query["email"])
    return answer({"leads": [_outer(lead) for lead in page.items], "nextPageToken": page.next_page_token})


async def update_lead(call: Call) -> Response:
    """PATCH /api/v1/leads/{id}: fields that are absent stay; custom fields are set one by one."""
    values = _values(await call.json(), needs_one=True)
    lead = await call.services.leads.update(
        call.caller.tenant, call.path("id"), values, etag=call.etag(), actor=call.caller.subject
    )
    return _answer(lead)


async def delete_lead(call: Call) -> Response:
    """DELETE /api/v1/leads/{id} → 204; its CRM records stay."""
    await call.services.leads.delete(call.caller.tenant, call.path("id"), etag=call.etag(), actor=call.caller.subject)
    return Response(status_code=204)


def _values(json: object, *, needs_one: bool = False) -> dict[str, str]:
    """Read the fields that are given, by their names in the contract."""
    body = Body(json)
    values = {inner: body.text(outer) for outer, inner in LEAD_FIELDS.items() if body.has(outer)}
    custom = body.part("customFields")
    for name in custom.names():
        values[f"custom_fields.{name}"] = custom.text(name)
        if not is_custom_name(name):
            custom.fault(name, "has a name of other than 1 to 64 letters, digits or underscores")
    body.close()
    if needs_one and not values:
        raise invalid(Fault("body", "names at least one field"))
    return values


def _answer(lead: Tagged[Lead], status: int = 200) -> Response:
    return answer_tagged(lead, _outer(lead.value), status)


def _outer(lead: Lead) -> Lead:
    """Spell the field names inside links as the outside does."""
    for link in lead.links:
        for conflict in link.conflicts:
            conflict.field = outer_field(conflict.field)
        for refused in link.refused:
            refused.field = outer_field(refused.field)
    return lead
