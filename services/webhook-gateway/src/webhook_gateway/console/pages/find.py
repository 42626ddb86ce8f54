"""Find: from an e-mail or an id to the page of what it names."""

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus

from starlette.responses import RedirectResponse, Response

from webhook_gateway.console.rendering import render
from webhook_gateway.console.routes import page
from webhook_gateway.console.visit import Visit, address
from webhook_gateway.problem import Problem
from webhook_gateway.resources.basics import Paging
from webhook_gateway.resources.events import Events
from webhook_gateway.resources.integrations import Integrations
from webhook_gateway.resources.leads import LeadQuery, Leads
from webhook_gateway.resources.runs import Runs

LONGEST = 320


class FindPages:
    """Goes to what a text names."""

    @page("/find")
    async def find(self, visit: Visit) -> Response:
        """Go to the only thing found; list them if there are several."""
        text = visit.query.get("q", "").strip()[:LONGEST]
        found = list(dict.fromkeys(one for group in await self._find(visit, text) for one in group)) if text else []
        if len(found) == 1:
            return RedirectResponse(address(found[0][1], {"tz": visit.zone}), 303)
        return render(visit, "find.html", {"title": "Find", "text": text, "found": found})

    async def _find(self, visit: Visit, text: str) -> list[list[tuple[str, str]]]:
        if "@" in text:
            return [await self._leads(visit, LeadQuery(email=text))]
        integrations = await visit.call(Integrations.list_integrations, query=Paging(page_size=20))
        by_record = (
            self._leads(visit, LeadQuery(integration_id=one.integration_id, record_id=text))
            for one in integrations.integrations
        )
        ways: list[Awaitable[list[tuple[str, str]]]] = [
            _one(visit.call(Leads.get_lead, lead_id=text), f"Lead {text}", f"/ui/leads/{text}"),
            _one(visit.call(Events.get_events, delivery_key=text), f"Delivery {text}", f"/ui/events/{text}"),
            _one(visit.call(Runs.get_run, run_id=text), f"Run {text}", f"/ui/runs/{text}"),
            *by_record,
        ]
        return list(await asyncio.gather(*ways))

    async def _leads(self, visit: Visit, query: LeadQuery) -> list[tuple[str, str]]:
        try:
            found = await visit.call(Leads.list_leads, query=query)
        except Problem as problem:
            if problem.status == HTTPStatus.BAD_REQUEST:  # such as an id that is too long for one
                return []
            raise
        return [(f"Lead {lead.email or lead.lead_id}", f"/ui/leads/{lead.lead_id}") for lead in found.leads]


async def _one(call: Awaitable[object], name: str, link: str) -> list[tuple[str, str]]:
    try:
        await call
    except Problem as problem:
        if problem.status in {400, 404}:
            return []
        raise
    return [(name, link)]
