"""The one table of routes: what can be asked, and who may. Routes, and the tests of who may, are made from it."""

from dataclasses import dataclass

from webhook_gateway.http import health, integrations, leads, sync, webhooks
from webhook_gateway.http.auth import Role
from webhook_gateway.http.calling import Handler, RawHandler

_CRM = "/api/v1/crm-integration"


@dataclass(frozen=True, slots=True)
class Row:
    """One operation. `role` is the least role that may use it; None = public, without a token."""

    method: str
    path: str
    role: Role | None
    handler: Handler | RawHandler

    @property
    def operation(self) -> str:
        """Name of the operation, e.g. `create_lead`."""
        return (self.handler.run if isinstance(self.handler, RawHandler) else self.handler).__name__


# Literal paths precede those with a parameter in the same place.
ROUTES: tuple[Row, ...] = (
    Row("POST", "/api/v1/webhooks/{provider}", None, RawHandler(webhooks.receive_webhook)),
    Row("GET", "/api/v1/webhooks/{provider}", None, webhooks.webhook_ready),
    Row("POST", "/api/v1/leads", Role.OPERATOR, leads.create_lead),
    Row("GET", "/api/v1/leads", Role.VIEWER, leads.list_leads),
    Row("GET", "/api/v1/leads/{id}", Role.VIEWER, leads.get_lead),
    Row("PATCH", "/api/v1/leads/{id}", Role.OPERATOR, leads.update_lead),
    Row("DELETE", "/api/v1/leads/{id}", Role.OPERATOR, leads.delete_lead),
    Row("GET", f"{_CRM}/sync-status", Role.VIEWER, sync.sync_status),
    Row("POST", f"{_CRM}/sync-leads", Role.OPERATOR, sync.sync_leads),
    Row("POST", _CRM, Role.ADMIN, integrations.create_integration),
    Row("GET", _CRM, Role.VIEWER, integrations.list_integrations),
    Row("GET", f"{_CRM}/{{id}}", Role.VIEWER, integrations.get_integration),
    Row("PATCH", f"{_CRM}/{{id}}", Role.ADMIN, integrations.update_integration),
    Row("DELETE", f"{_CRM}/{{id}}", Role.ADMIN, integrations.delete_integration),
    Row("POST", f"{_CRM}/{{id}}/enable-webhooks", Role.ADMIN, sync.enable_webhooks),
    Row("POST", f"{_CRM}/{{id}}/disable-webhooks", Role.ADMIN, sync.disable_webhooks),
    Row("GET", f"{_CRM}/{{id}}/webhook-status", Role.VIEWER, sync.webhook_status),
    Row("GET", "/api/v1/work", Role.VIEWER, sync.list_work),
    Row("POST", "/api/v1/work/redrive", Role.OPERATOR, sync.redrive),
    Row("GET", "/livez", None, health.livez),
    Row("GET", "/readyz", None, health.readyz),
    Row("GET", "/metrics", None, health.metrics),
)
