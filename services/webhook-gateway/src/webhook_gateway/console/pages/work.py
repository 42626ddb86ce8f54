"""Work: what is due, in progress or failed, with the cause and the cure, and making it due again."""

from collections import Counter

from starlette.responses import RedirectResponse, Response

from webhook_gateway.console.rendering import render
from webhook_gateway.console.routes import form, page
from webhook_gateway.console.visit import Visit, address
from webhook_gateway.resources.work import Redrive, WorkItems, WorkQuery

MOST_OF_PAGE = 50


class WorkPages:
    """The list of work, and its redrive."""

    @page("/work")
    async def work(self, visit: Visit) -> Response:
        """List work that is not idle."""
        query = visit.asked(WorkQuery, pageSize=MOST_OF_PAGE)
        found = await visit.call(WorkItems.list_work, query=query)
        reasons = Counter((one.reason, one.cause, one.remedy) for one in found.work if one.state == "failed")
        values = {
            "title": "Work",
            "page": found,
            "reasons": reasons.most_common(),
            "may_redrive": visit.may(WorkItems.redrive),
            "done": visit.query.get("done", ""),
        }
        return render(visit, "work.html", values)

    @form("/work/redrive", WorkItems.redrive)
    async def redrive(self, visit: Visit) -> Response:
        """Make the chosen work due again."""
        fields = await visit.fields()
        integration_id = fields.get("integrationId", [""])[-1]
        body = Redrive(integration_id=integration_id)
        if chosen := fields.get("workItemId"):
            body.work_item_ids = chosen
        else:
            body.reason = fields.get("reason", [""])[-1]
        queued = (await visit.call(WorkItems.redrive, body=body)).queued
        return RedirectResponse(address("/ui/work", {"integrationId": integration_id, "done": queued}), 303)
