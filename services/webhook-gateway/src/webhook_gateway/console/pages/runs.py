"""Runs: imports, pushes, applied changes, and dry runs with their plans."""

import asyncio

from starlette.responses import RedirectResponse, Response

from webhook_gateway.console.rendering import render
from webhook_gateway.console.routes import form, page
from webhook_gateway.console.visit import Visit, address
from webhook_gateway.http.requests import read
from webhook_gateway.resources.integrations import Integrations
from webhook_gateway.resources.runs import Import, PlanPage, PlanQuery, Push, Run, RunQuery, Runs

MOST_OF_PAGE = 30


class RunPages:
    """Runs."""

    @page("/runs")
    async def runs(self, visit: Visit) -> Response:
        """List runs, newest first."""
        found = await visit.call(Runs.list_runs, query=visit.asked(RunQuery, pageSize=MOST_OF_PAGE))
        return render(visit, "runs.html", {"title": "Runs", "page": found, "name_of": name_of})

    @page("/runs/{run_id}")
    async def run(self, visit: Visit) -> Response:
        """Show a run, and the plan of a dry one."""
        run_id = visit.request.path_params["run_id"]
        found = await visit.call(Runs.get_run, run_id=run_id)
        plan = await self._plan(visit, found)
        values = {
            "title": name_of(found),
            "crumbs": [("Runs", "/ui/runs")],
            "run": found,
            "plan": plan,
            "may_cancel": visit.may(Runs.cancel_run),
            "may_apply": visit.may(Integrations.update_integration),
        }
        return render(visit, "run.html", values)

    async def _plan(self, visit: Visit, run: Run) -> PlanPage | None:
        if not run.dry_run:
            return None
        query = visit.asked(PlanQuery, pageSize=MOST_OF_PAGE)
        (plan,) = await asyncio.gather(visit.call(Runs.list_plan, run_id=run.run_id, query=query))
        return plan

    @form("/runs/{run_id}/cancel", Runs.cancel_run)
    async def cancel(self, visit: Visit) -> Response:
        """Cancel a run."""
        run_id = visit.request.path_params["run_id"]
        await visit.call(Runs.cancel_run, run_id=run_id)
        return RedirectResponse(f"/ui/runs/{run_id}", 303)

    @form("/runs/start", Runs.start_import, Runs.sync_leads)
    async def start(self, visit: Visit) -> Response:
        """Start an import or a push; the same form sent twice starts one run."""
        fields = await visit.form()
        request_id = fields.get("requestId", "")
        given = {"integrationId": fields.get("integrationId", ""), "dryRun": fields.get("dryRun") == "on"}
        if fields.get("kind") == "push":
            pushed = await visit.call(Runs.sync_leads, body=read(given, Push), request_id=request_id)
            return RedirectResponse(address(f"/ui/runs/{pushed.run_id}"), 303)
        started = await visit.call(Runs.start_import, body=read(given, Import), request_id=request_id)
        return RedirectResponse(address(f"/ui/runs/{started.run_id}"), 303)


def name_of(run: Run) -> str:
    """Name a run for people."""
    kind = {"import": "Import", "push": "Push", "apply": "Applied change"}.get(run.kind, "Run")
    return f"Plan of {'an import' if run.kind == 'import' else 'a push'}" if run.dry_run else kind
