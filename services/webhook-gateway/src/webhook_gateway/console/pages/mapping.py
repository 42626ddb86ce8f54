"""The mapping editor: which field of leads is which property of the CRM. A change is planned before it is applied."""

import asyncio
import uuid

import msgspec
from starlette.responses import RedirectResponse, Response

from webhook_gateway.console.mapping_form import rows_of, settings_from
from webhook_gateway.console.rendering import render
from webhook_gateway.console.routes import form, page
from webhook_gateway.console.visit import Visit, address
from webhook_gateway.http.requests import read
from webhook_gateway.problem import Problem
from webhook_gateway.resources.crm_fields import CrmSchemas
from webhook_gateway.resources.integration_settings import Proposal
from webhook_gateway.resources.integrations import IntegrationChange, Integrations
from webhook_gateway.resources.lead_fields import LeadFields
from webhook_gateway.resources.lead_values import encode_hook
from webhook_gateway.resources.runs import Import, ProposedSettings, Runs

ADDRESS = "/integrations/{integration_id}/mapping"


class MappingPages:
    """The mapping of an integration."""

    @page(ADDRESS)
    async def mapping(self, visit: Visit) -> Response:
        """Show the mapping, with the types and options of both sides."""
        return await self._editor(visit, None)

    async def _editor(self, visit: Visit, problem: Problem | None) -> Response:
        integration_id = visit.request.path_params["integration_id"]
        found, schema, fields = await asyncio.gather(
            visit.call(Integrations.get_integration, integration_id=integration_id),
            visit.call(CrmSchemas.list_fields, integration_id=integration_id),
            visit.call(LeadFields.list_lead_fields),
        )
        one = found.value
        rows = rows_of(fields.lead_fields, one.field_mapping, one.field_rules, one.field_transforms, schema.fields)
        values = {
            "title": "Mapping",
            "crumbs": [
                ("Integrations", "/ui/integrations"),
                (f"{visit.title_of(one.provider)} {one.account_id}", f"/ui/integrations/{integration_id}"),
            ],
            "integration": one,
            "rows": rows,
            "crm": schema.fields,
            "may_change": visit.may(Integrations.update_integration),
            "request_id": str(uuid.uuid4()),
            "problem": problem,
            "step": 4 if visit.query.get("connect") else 0,
        }
        return render(visit, "mapping.html", values, problem.status if problem else 200)

    @form(ADDRESS, Runs.start_import)
    async def plan(self, visit: Visit) -> Response:
        """Plan an import with the settings of the form. Nothing is changed: the plan holds them until it is applied."""
        integration_id = visit.request.path_params["integration_id"]
        fields = await visit.fields()
        found = await visit.call(Integrations.get_integration, integration_id=integration_id)
        try:
            proposed = read(_plain(settings_from(fields, found.value.field_transforms)), Proposal)
            body = Import(integration_id=integration_id, dry_run=True, proposed=proposed)
            request_id = fields.get("requestId", [""])[-1]
            run = await visit.call(Runs.start_import, body=body, request_id=request_id)
        except Problem as problem:
            if problem.status >= 500:
                raise
            return await self._editor(visit, problem)
        return RedirectResponse(address(f"/ui/runs/{run.run_id}", {"connect": visit.query.get("connect")}), 303)

    @form("/runs/{run_id}/apply", Integrations.update_integration)
    async def apply(self, visit: Visit) -> Response:
        """Apply the settings of a plan, if the integration is still as it was planned with."""
        fields = await visit.form()
        run = await visit.call(Runs.get_run, run_id=visit.request.path_params["run_id"])
        proposed = run.proposed
        if proposed is None:
            raise Problem(400, "nothing_proposed", "this run has not tried out any settings")
        body = read(_change_to(proposed), IntegrationChange)
        changed = await visit.call(
            Integrations.update_integration, integration_id=run.integration_id, body=body, etag=proposed.etag
        )
        to = f"/ui/integrations/{run.integration_id}"
        if fields.get("connect"):  # the account is paused until the last step, which is on the page of the plan
            to = address(f"/ui/runs/{run.run_id}", {"connect": "1"})
        elif changed.value.apply_run:
            to = f"/ui/runs/{changed.value.apply_run.run_id}"
        return RedirectResponse(to, 303)


def _change_to(proposed: ProposedSettings) -> object:
    """All settings that a plan can try out, as a change takes them."""
    matching = proposed.policies.matching
    region = {"phoneRegion": matching.phone_region} if matching.phone_region else {}
    given = {
        "direction": proposed.direction,
        "fieldMapping": proposed.field_mapping,
        "fieldRules": proposed.field_rules,
        "fieldTransforms": proposed.field_transforms,
        "policies": {"matching": {"keys": matching.keys} | region},
    }
    return _plain(given)


def _plain(value: object) -> object:
    """Turn settings into decoded JSON."""
    return msgspec.json.decode(msgspec.json.encode(value, enc_hook=encode_hook))
