"""Work: what is due, in progress or failed, with the cause and the cure, and making it due again."""

from collections import Counter
from collections.abc import Iterable

from starlette.responses import RedirectResponse, Response

from webhook_gateway.console.rendering import render
from webhook_gateway.console.routes import form, page
from webhook_gateway.console.visit import Visit, address
from webhook_gateway.http.requests import read
from webhook_gateway.problem import Problem
from webhook_gateway.resources.work import Redrive, WorkItems, WorkQuery

MOST_OF_PAGE = 50


class WorkPages:
    """The list of work, and its redrive."""

    @page("/work")
    async def work(self, visit: Visit) -> Response:
        """List work that is not idle."""
        query = visit.asked(WorkQuery, pageSize=MOST_OF_PAGE)
        found = await visit.call(WorkItems.list_work, query=query)
        failed = (one for one in found.work if one.state == "failed")
        reasons = Counter((one.integration_id, one.reason, one.cause, one.remedy) for one in failed)
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
        """Make the chosen work due again, or all of an integration that failed for a reason."""
        fields = await visit.fields()
        integration_id, reason = (fields.get(name, [""])[-1] for name in ("integrationId", "reason"))
        bodies = [_chosen(name, items) for name, items in _by_integration(fields.get("work", ())).items()]
        if reason and not bodies:
            bodies = [Redrive(integration_id=integration_id, reason=reason)]
        if not bodies:
            raise Problem(400, "nothing_chosen", "choose what to try again")
        queued = sum([(await visit.call(WorkItems.redrive, body=body)).queued for body in bodies])
        return RedirectResponse(address("/ui/work", {"integrationId": integration_id, "done": queued}), 303)


def _by_integration(chosen: Iterable[str]) -> dict[str, list[str]]:
    """Group what the boxes say, each an integration and one of its work items."""
    found: dict[str, list[str]] = {}
    for one in chosen:
        integration_id, _, work_item_id = one.partition(" ")
        found.setdefault(integration_id, []).append(work_item_id)
    return found


def _chosen(integration_id: str, work_item_ids: list[str]) -> Redrive:
    return read({"integrationId": integration_id, "workItemIds": work_item_ids}, Redrive)
