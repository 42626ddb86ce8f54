"""Conflicts: fields on which both sides differ and that wait for a person."""

from collections import Counter

import msgspec
from starlette.responses import RedirectResponse, Response

from webhook_gateway.console.rendering import render
from webhook_gateway.console.routes import form, page
from webhook_gateway.console.visit import Visit, address
from webhook_gateway.http.requests import read
from webhook_gateway.problem import Problem
from webhook_gateway.resources.conflicts import BulkResolution, ConflictQuery, Conflicts, Resolution
from webhook_gateway.resources.decisions import Decisions
from webhook_gateway.resources.integrations import IntegrationChange, Integrations

MOST_OF_PAGE = 25
MOST_CALLS = 10  # of settling all: up to 10,000 fields
CHANGED_MEANWHILE = {"stale_etag", "conflict_not_found"}


class ConflictPages:
    """Conflicts."""

    @page("/conflicts")
    async def conflicts(self, visit: Visit) -> Response:
        """List what waits."""
        found = await visit.call(Conflicts.list_conflicts, query=visit.asked(ConflictQuery, pageSize=MOST_OF_PAGE))
        pairs = Counter((one.integration_id, one.field) for one in found.conflicts)
        values = {
            "title": "Conflicts",
            "page": found,
            "pairs": [(*pair, count) for pair, count in pairs.most_common()],
            "may_resolve": visit.may(Conflicts.resolve_conflict),
            "may_undo": visit.may(Decisions.undo_decision),
            "may_rule": visit.may(Integrations.update_integration),
            "done": visit.query.get("done", ""),
            "stale": visit.query.get("stale", ""),
        }
        return render(visit, "conflicts.html", values)

    @form("/conflicts/resolve", Conflicts.resolve_conflict)
    async def resolve(self, visit: Visit) -> Response:
        """Settle one conflict as it was seen. Who was too late is told, and sees how it stands now."""
        fields = await visit.form()
        take, back, value = (fields.pop(name, "") for name in ("take", "back", "value"))
        body = read(fields | ({"value": value} if take == "value" else {"take": take}), Resolution)
        to = f"/ui/leads/{body.lead_id}" if back == "lead" else "/ui/conflicts"
        try:
            resolved = await visit.call(Conflicts.resolve_conflict, body=body)
        except Problem as problem:
            if problem.reason not in CHANGED_MEANWHILE:
                raise
            return RedirectResponse(address(to, {"stale": "1"}), 303)
        return RedirectResponse(address(to, {"done": resolved.decision_id}), 303)

    @form("/conflicts/resolve-all", Conflicts.resolve_conflicts, Integrations.update_integration)
    async def resolve_all(self, visit: Visit) -> Response:
        """Settle all conflicts of a field the same way; and, if asked to, let a rule do so from now on."""
        fields = await visit.form()
        integration_id, _, field = fields.get("pair", "").partition(" ")
        given = {"integrationId": integration_id, "field": field, "take": fields.get("take", "")}
        body, settled, always = read(given, BulkResolution), 0, fields.get("always") == "on"
        for _ in range(MOST_CALLS):
            resolved = await visit.call(Conflicts.resolve_conflicts, body=body)
            settled += resolved.resolved
            if not resolved.more:
                break
        if always:
            await self._rule(visit, body)
        return RedirectResponse(address("/ui/conflicts", {"settled": str(settled), "rule": "1" if always else ""}), 303)

    async def _rule(self, visit: Visit, body: BulkResolution) -> None:
        """Let a side win for a field, unless somebody changes the integration at the same time."""
        found = await visit.call(Integrations.get_integration, integration_id=body.integration_id)
        rules = {name: msgspec.to_builtins(rule) for name, rule in found.value.field_rules.items()}
        rules[body.field] = {**rules.get(body.field, {}), "rule": body.take}
        change = read({"fieldRules": rules}, IntegrationChange)
        await visit.call(
            Integrations.update_integration, integration_id=body.integration_id, body=change, etag=found.etag
        )
