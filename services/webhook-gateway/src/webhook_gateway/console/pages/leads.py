"""Leads: the list, and one lead with both sides, what they agreed on, and why each value is there."""

import asyncio

import msgspec
from starlette.responses import RedirectResponse, Response

from webhook_gateway.console.rendering import render
from webhook_gateway.console.routes import form, page
from webhook_gateway.console.visit import Visit, address
from webhook_gateway.resources.conflicts import ConflictQuery, Conflicts
from webhook_gateway.resources.decisions import Decisions
from webhook_gateway.resources.events import DeliveryQuery, Events
from webhook_gateway.resources.history import Histories, HistoryQuery
from webhook_gateway.resources.leads import LeadQuery, Leads

MOST_OF_PAGE, MOST_OF_LIST = 50, 10
PLAIN_FIELDS = ("email", "firstName", "lastName", "phone", "company", "jobTitle", "website", "status")


class LeadPages:
    """Leads."""

    @page("/leads")
    async def leads(self, visit: Visit) -> Response:
        """List leads, or find one by its e-mail or record."""
        query = visit.asked(LeadQuery, pageSize=MOST_OF_PAGE)
        found = await visit.call(Leads.list_leads, query=query)
        return render(visit, "leads.html", {"title": "Leads", "page": found})

    @page("/leads/{lead_id}")
    async def lead(self, visit: Visit) -> Response:
        """Show one lead."""
        lead_id = visit.request.path_params["lead_id"]
        lead, history, conflicts, events = await asyncio.gather(
            visit.call(Leads.get_lead, lead_id=lead_id),
            visit.call(Histories.list_history, lead_id=lead_id, query=visit.asked(HistoryQuery, pageSize=MOST_OF_LIST)),
            visit.call(Conflicts.list_conflicts, query=ConflictQuery(lead_id=lead_id)),
            visit.call(Events.list_events, query=DeliveryQuery(lead_id=lead_id, page_size=MOST_OF_LIST)),
        )
        found = lead.value
        values = {
            name: getattr(found, one.name) for one in msgspec.structs.fields(type(found)) for name in [one.encode_name]
        }
        shown = {name: values[name] for name in PLAIN_FIELDS}
        shown |= {f"customFields.{name}": value for name, value in found.custom_fields.items()}
        name = " ".join(filter(None, (found.first_name, found.last_name))) or found.email or "Lead without a name"
        given = {
            "title": name,
            "crumbs": [("Leads", "/ui/leads")],
            "lead": found,
            "values": shown,
            "history": history,
            "conflicts": conflicts.conflicts,
            "events": events.events,
            "may_resolve": visit.may(Conflicts.resolve_conflict),
            "may_undo": visit.may(Decisions.undo_decision),
            "undone": visit.query.get("undone", ""),
        }
        return render(visit, "lead.html", given)

    @form("/decisions/{decision_id}/undo", Decisions.undo_decision)
    async def undo(self, visit: Visit) -> Response:
        """Set what a decision changed back."""
        back = (await visit.form()).get("back", "")
        undone = await visit.call(Decisions.undo_decision, decision_id=visit.request.path_params["decision_id"])
        to = "/ui/conflicts" if back == "conflicts" else f"/ui/leads/{undone.lead_id}"
        return RedirectResponse(address(to, {"undone": "1"}), 303)
