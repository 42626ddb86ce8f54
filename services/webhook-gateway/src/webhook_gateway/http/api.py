"""The operations of the API, in the order of `/openapi.json`. That document and the tests are made from them."""

from functools import cache

from starlette.responses import Response

from webhook_gateway.http.openapi import describe
from webhook_gateway.resources.checks import Checks
from webhook_gateway.resources.conflicts import Conflicts
from webhook_gateway.resources.crm_fields import CrmSchemas
from webhook_gateway.resources.decisions import Decisions
from webhook_gateway.resources.duplicates import Duplicates
from webhook_gateway.resources.events import Events
from webhook_gateway.resources.health import Health
from webhook_gateway.resources.history import Histories
from webhook_gateway.resources.integrations import Integrations
from webhook_gateway.resources.lead_fields import LeadFields
from webhook_gateway.resources.leads import Leads
from webhook_gateway.resources.matches import Matches
from webhook_gateway.resources.operation import Operation, operation, operations_of
from webhook_gateway.resources.quarantine import Quarantines
from webhook_gateway.resources.runs import Runs
from webhook_gateway.resources.subscriptions import Subscriptions
from webhook_gateway.resources.sync_status import SyncStatuses
from webhook_gateway.resources.webhooks import Webhooks
from webhook_gateway.resources.work import WorkItems


class Description:
    """The description of the API itself."""

    @operation("GET", "/openapi.json")
    async def openapi(self) -> Response:
        """Get this description."""
        return Response(_document(), media_type="application/json")


RESOURCES: tuple[type, ...] = (
    *(Webhooks, Events, Quarantines, Leads, LeadFields, Histories, Conflicts, Decisions, Matches, Duplicates),
    *(SyncStatuses, Runs, Integrations, Subscriptions, Checks, CrmSchemas, WorkItems, Health, Description),
)
OPERATIONS: tuple[Operation, ...] = tuple(item for resource in RESOURCES for item in operations_of(resource))


@cache
def _document() -> bytes:
    return describe(OPERATIONS)
