"""Matches and duplicates: records that may belong to several leads, and leads that seem to be one person."""

import asyncio

from starlette.responses import RedirectResponse, Response

from webhook_gateway.console.rendering import render
from webhook_gateway.console.routes import form, page
from webhook_gateway.console.visit import Visit, address
from webhook_gateway.http.requests import read
from webhook_gateway.problem import Problem
from webhook_gateway.resources.duplicates import DuplicateQuery, Duplicates
from webhook_gateway.resources.leads import Lead, Leads
from webhook_gateway.resources.matches import Matches, MatchQuery, Pick

MOST_OF_PAGE = 20


class MatchPages:
    """Matches."""

    @page("/matches")
    async def matches(self, visit: Visit) -> Response:
        """List what waits, with the leads that may be meant."""
        of_pairs = visit.asked(DuplicateQuery, pageSize=MOST_OF_PAGE, pageToken="")
        found, duplicates = await asyncio.gather(
            visit.call(Matches.list_matches, query=visit.asked(MatchQuery, pageSize=MOST_OF_PAGE)),
            visit.call(Duplicates.list_duplicates, query=of_pairs),
        )
        ids = {one.lead_id for match in found.matches for one in match.candidates}
        leads = dict(zip(ids, await asyncio.gather(*(self._lead(visit, one) for one in ids)), strict=True))
        values = {
            "title": "Matches",
            "page": found,
            "leads": leads,
            "duplicates": duplicates.duplicates,
            "may_pick": visit.may(Matches.pick_match),
            "done": visit.query.get("done", ""),
        }
        return render(visit, "matches.html", values)

    async def _lead(self, visit: Visit, lead_id: str) -> Lead | None:
        try:
            return (await visit.call(Leads.get_lead, lead_id=lead_id)).value
        except Problem as problem:
            if problem.status != 404:
                raise
            return None

    @form("/matches/pick", Matches.pick_match)
    async def pick(self, visit: Visit) -> Response:
        """Say whose a record is."""
        fields = await visit.form()
        given = {name: fields[name] for name in ("integrationId", "recordId", "etag") if name in fields}
        chosen = fields.get("pick", "")
        body = read(given | ({"createNew": True} if chosen == "new" else {"leadId": chosen}), Pick)
        await visit.call(Matches.pick_match, body=body)
        return RedirectResponse(address("/ui/matches", {"done": "1"}), 303)
