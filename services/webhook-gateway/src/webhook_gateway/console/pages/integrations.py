"""Integrations: the connected CRM accounts, connecting one, the doctor, pausing and webhooks."""

import asyncio
import uuid

from starlette.responses import RedirectResponse, Response

from webhook_gateway.console.rendering import render
from webhook_gateway.console.routes import form, page
from webhook_gateway.console.visit import Visit, address
from webhook_gateway.http.requests import read
from webhook_gateway.problem import Problem
from webhook_gateway.providers.base import Registry
from webhook_gateway.providers.registry import find_provider
from webhook_gateway.resources.basics import Paging
from webhook_gateway.resources.checks import Checks
from webhook_gateway.resources.integrations import IntegrationChange, Integrations, NewIntegration
from webhook_gateway.resources.runs import Import, Runs
from webhook_gateway.resources.subscriptions import Subscriptions
from webhook_gateway.resources.sync_status import OfIntegration, SyncStatuses

ONE = "/integrations/{integration_id}"


class IntegrationPages:
    """Integrations."""

    def __init__(self, registry: Registry, api_url: str) -> None:
        """`registry` knows what each CRM needs from its administrator."""
        self._registry = registry
        self._api_url = api_url

    @page("/integrations")
    async def integrations(self, visit: Visit) -> Response:
        """List all of the tenant."""
        found = await visit.call(Integrations.list_integrations, query=visit.asked(Paging, pageSize=50))
        may_connect = visit.may(Integrations.create_integration)
        values = {"title": "Integrations", "page": found, "may_connect": may_connect}
        return render(visit, "integrations.html", values)

    @page("/integrations/new")
    async def choose(self, visit: Visit) -> Response:
        """Choose a CRM."""
        values = {"title": "Connect a CRM", "crumbs": _CRUMBS, "registry": self._registry, "step": 1}
        return render(visit, "connect_choose.html", values)

    @page("/integrations/new/{provider}")
    async def connect(self, visit: Visit) -> Response:
        """Say what to click in the CRM, and take the credential."""
        return await self._credential(visit, None)

    async def _credential(self, visit: Visit, problem: Problem | None) -> Response:
        slug = visit.request.path_params["provider"]
        provider = find_provider(self._registry, slug)
        values = {
            "title": f"Connect {provider.title}",
            "crumbs": [*_CRUMBS, ("Connect a CRM", "/ui/integrations/new")],
            "provider": provider,
            "setup": provider.setup(self._api_url),
            "request_id": str(uuid.uuid4()),
            "problem": problem,
            "step": 2,
        }
        return render(visit, "connect_credential.html", values, problem.status if problem else 200)

    @form("/integrations/new/{provider}", Integrations.create_integration)
    async def create(self, visit: Visit) -> Response:
        """Connect an account. It is paused until its settings are looked at."""
        fields = await visit.form()
        given = {name: value.strip() for name, value in fields.items() if value.strip()}
        request_id = given.pop("requestId", "")
        body = read(given | {"provider": visit.request.path_params["provider"], "paused": True}, NewIntegration)
        try:
            made = await visit.call(Integrations.create_integration, body=body, request_id=request_id)
        except Problem as problem:
            return await self._credential(visit, problem)
        return RedirectResponse(address(f"/ui/integrations/{made.value.integration_id}/doctor", {"connect": "1"}), 303)

    @page(ONE)
    async def integration(self, visit: Visit) -> Response:
        """Show one: its state, its settings, its webhooks."""
        integration_id = visit.request.path_params["integration_id"]
        found, status = await asyncio.gather(
            visit.call(Integrations.get_integration, integration_id=integration_id),
            visit.call(SyncStatuses.sync_status, query=OfIntegration(integration_id=integration_id)),
            return_exceptions=True,
        )
        if isinstance(found, BaseException):
            raise found
        if isinstance(status, BaseException) and not isinstance(status, Problem):
            raise status
        values = {
            "title": f"{visit.title_of(found.value.provider)} {found.value.account_id}",
            "crumbs": _CRUMBS,
            "integration": found.value,
            "etag": found.etag,
            "status": None if isinstance(status, Problem) else status,
            "problem": status if isinstance(status, Problem) else None,
            "may_change": visit.may(Integrations.update_integration),
            "may_run": visit.may(Runs.start_import),
            "request_id": str(uuid.uuid4()),
        }
        return render(visit, "integration.html", values)

    @page(f"{ONE}/doctor")
    async def doctor(self, visit: Visit) -> Response:
        """Check everything that a sync needs."""
        integration_id = visit.request.path_params["integration_id"]
        found, checkup = await asyncio.gather(
            visit.call(Integrations.get_integration, integration_id=integration_id),
            visit.call(Checks.check_integration, integration_id=integration_id),
        )
        order = {"failed": 0, "warning": 1, "ok": 2}
        values = {
            "title": "Doctor",
            "crumbs": [*_CRUMBS, (_name(visit, found.value), f"/ui/integrations/{integration_id}")],
            "integration": found.value,
            "checks": sorted(checkup.checks, key=lambda check: order.get(check.state, 1)),
            "ok": checkup.ok,
            "step": 3 if visit.query.get("connect") else 0,
        }
        return render(visit, "doctor.html", values)

    @form(f"{ONE}/pause", Integrations.update_integration)
    async def pause(self, visit: Visit) -> Response:
        """Pause or resume."""
        fields = await visit.form()
        body = IntegrationChange(paused=fields.get("paused") == "true")
        return await self._change(visit, body, fields.get("etag", ""))

    @form(f"{ONE}/direction", Integrations.update_integration)
    async def direction(self, visit: Visit) -> Response:
        """Change the direction."""
        fields = await visit.form()
        body = read({"direction": fields.get("direction", "")}, IntegrationChange)
        return await self._change(visit, body, fields.get("etag", ""))

    @form(f"{ONE}/webhooks", Subscriptions.enable_webhooks, Subscriptions.disable_webhooks)
    async def webhooks(self, visit: Visit) -> Response:
        """Make webhooks count, or ignore them."""
        integration_id = visit.request.path_params["integration_id"]
        enable = (await visit.form()).get("enable") == "true"
        function = Subscriptions.enable_webhooks if enable else Subscriptions.disable_webhooks
        await visit.call(function, integration_id=integration_id)
        return RedirectResponse(f"/ui/integrations/{integration_id}", 303)

    @form(f"{ONE}/start", Integrations.update_integration, Subscriptions.enable_webhooks, Runs.start_import)
    async def start(self, visit: Visit) -> Response:
        """The last step of connecting: resume, make webhooks count, and import what is there."""
        integration_id = visit.request.path_params["integration_id"]
        fields = await visit.form()
        body = IntegrationChange(paused=False)
        await visit.call(Integrations.update_integration, integration_id=integration_id, body=body, etag="")
        await visit.call(Subscriptions.enable_webhooks, integration_id=integration_id)
        run = await visit.call(
            Runs.start_import, body=Import(integration_id=integration_id), request_id=fields.get("requestId", "")
        )
        return RedirectResponse(f"/ui/runs/{run.run_id}", 303)

    async def _change(self, visit: Visit, body: IntegrationChange, etag: str) -> Response:
        integration_id = visit.request.path_params["integration_id"]
        changed = await visit.call(Integrations.update_integration, integration_id=integration_id, body=body, etag=etag)
        run = changed.value.apply_run
        return RedirectResponse(f"/ui/runs/{run.run_id}" if run else f"/ui/integrations/{integration_id}", 303)


_CRUMBS = [("Integrations", "/ui/integrations")]


def _name(visit: Visit, integration: object) -> str:
    return f"{visit.title_of(getattr(integration, 'provider', ''))} {getattr(integration, 'account_id', '')}"
