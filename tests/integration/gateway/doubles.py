# ruff: noqa: N802  the contracts name the methods
"""Stand-ins for lead-store and crm-connector: real gRPC servers that keep things in memory and can misbehave."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2  # type: ignore[import-untyped, unused-ignore]
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from leadsync.inbox.v1 import inbox_service_pb2 as inbox_pb
from leadsync.inbox.v1 import inbox_service_pb2_grpc as inbox_grpc
from leadsync.integration.v1 import integration_pb2, integration_service_pb2_grpc
from leadsync.integration.v1 import integration_service_pb2 as connector_pb
from leadsync.lead.v1 import lead_pb2, lead_service_pb2_grpc
from leadsync.lead.v1 import lead_service_pb2 as lead_service_pb
from leadsync.sync.v1 import sync_service_pb2 as sync_pb
from leadsync.sync.v1 import sync_service_pb2_grpc as sync_grpc

# The generated base classes type the context for both kinds of server at once.
Context = Any


async def fail(context: Context, code: int, reason: str, message: str, *fields: str) -> NoReturn:
    """End a call as the services do: a status with ErrorInfo, and field violations where fields are named."""
    details = [error_details_pb2.ErrorInfo(reason=reason, domain="leadsync")]
    if fields:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=field, description="is wrong") for field in fields
        ]
        details.append(error_details_pb2.BadRequest(field_violations=violations))
    status = status_pb2.Status(code=code, message=message)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    await context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError("abort returns")


class FakeInbox(inbox_grpc.InboxServiceServicer):
    """Keeps deliveries; `gate` holds calls back while it is closed, `refuse` names accounts that are not accepted."""

    def __init__(self) -> None:
        self.kept: dict[str, inbox_pb.Delivery] = {}
        self.calls: list[list[str]] = []
        self.sizes: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Condition()
        self.refuse: set[str] = set()
        self.works: list[inbox_pb.RecordWork] = []
        self.asked: list[inbox_pb.ListDeliveriesRequest] = []
        self.quarantine: dict[str, inbox_pb.QuarantinedRequest] = {}
        self.quarantine_gate = asyncio.Event()
        self.quarantine_gate.set()
        self.quarantine_room = 1000
        self.quarantine_calls = 0
        self.forgets = True

    async def RecordDeliveries(
        self, request: inbox_pb.RecordDeliveriesRequest, context: Context
    ) -> inbox_pb.RecordDeliveriesResponse:
        """Keep them all, or none."""
        self.calls.append([item.account_id for item in request.deliveries])
        self.sizes.append(request.ByteSize())
        async with self.arrived:
            self.arrived.notify_all()
        await self.gate.wait()
        if self.refuse & {item.account_id for item in request.deliveries}:
            await fail(context, code_pb2.INVALID_ARGUMENT, "invalid_field", "no", "deliveries[0]")
        answer = inbox_pb.RecordDeliveriesResponse()
        for item in request.deliveries:
            answer.recorded.add(duplicate=item.delivery_key in self.kept)
            self.kept[item.delivery_key] = item
        return answer

    async def QuarantineRequests(
        self, request: inbox_pb.QuarantineRequestsRequest, context: Context
    ) -> inbox_pb.QuarantineRequestsResponse:
        """Keep them, if there is room."""
        del context
        await self.quarantine_gate.wait()
        self.quarantine_calls += 1
        if len(self.quarantine) + len(request.requests) > self.quarantine_room:
            return inbox_pb.QuarantineRequestsResponse()
        self.quarantine |= {item.request_key: item for item in request.requests}
        return inbox_pb.QuarantineRequestsResponse(kept=len(request.requests))

    async def CountQuarantined(
        self, request: inbox_pb.CountQuarantinedRequest, context: Context
    ) -> inbox_pb.CountQuarantinedResponse:
        """Count them, each on its own."""
        del request, context
        counts = [
            inbox_pb.QuarantineCount(
                provider=item.provider, reason=item.reason, requests=1, oldest_received_at=item.received_at
            )
            for item in self.quarantine.values()
        ]
        return inbox_pb.CountQuarantinedResponse(counts=counts)

    async def ListQuarantined(
        self, request: inbox_pb.ListQuarantinedRequest, context: Context
    ) -> inbox_pb.ListQuarantinedResponse:
        """List one on a page, by key; the token is the key of the page before."""
        del context
        left = sorted(key for key in self.quarantine if key > request.page_token)
        page = [self.quarantine[key] for key in left[:1]]
        return inbox_pb.ListQuarantinedResponse(requests=page, next_page_token=left[0] if left[1:] else "")

    async def ForgetQuarantined(
        self, request: inbox_pb.ForgetQuarantinedRequest, context: Context
    ) -> inbox_pb.ForgetQuarantinedResponse:
        """Forget, unless told to fail."""
        if not self.forgets:
            await fail(context, code_pb2.UNAVAILABLE, "store_unavailable", "away")
        for key in request.request_keys:
            self.quarantine.pop(key, None)
        return inbox_pb.ForgetQuarantinedResponse()

    async def GetDelivery(self, request: inbox_pb.GetDeliveryRequest, context: Context) -> inbox_pb.GetDeliveryResponse:
        """Get; every delivery is of the tenant `acme`."""
        item = self.kept.get(request.delivery_key) if request.tenant_id == "acme" else None
        if item is None:
            await fail(context, code_pb2.NOT_FOUND, "delivery_not_found", "the tenant has no such delivery")
        return inbox_pb.GetDeliveryResponse(delivery=self._seen(item))

    async def ListDeliveries(
        self, request: inbox_pb.ListDeliveriesRequest, context: Context
    ) -> inbox_pb.ListDeliveriesResponse:
        """List all, whatever is asked for; what that was is remembered."""
        del context
        self.asked.append(request)
        return inbox_pb.ListDeliveriesResponse(deliveries=[self._seen(item) for item in self.kept.values()])

    def _seen(self, item: inbox_pb.Delivery) -> inbox_pb.KeptDelivery:
        return inbox_pb.KeptDelivery(
            delivery=item, state=inbox_pb.DELIVERY_STATE_ROUTED, integration_id="i", records=self.works
        )

    async def wait_calls(self, count: int) -> None:
        """Wait until so many calls have arrived."""
        async with asyncio.timeout(10), self.arrived:
            await self.arrived.wait_for(lambda: len(self.calls) >= count)


class FakeLeads(lead_service_pb2_grpc.LeadServiceServicer):
    """Leads of all tenants in a dict; enough of the rules to see what the gateway makes of them."""

    def __init__(self) -> None:
        self.leads: dict[tuple[str, str], lead_pb2.Lead] = {}
        self.requests: dict[tuple[str, str], str] = {}
        self.actors: list[str] = []
        self.masks: list[list[str]] = []
        self.ended: list[lead_service_pb.DeleteLeadRequest] = []
        self.explained: list[lead_service_pb.ExplainLeadRequest] = []

    async def _get(self, context: Context, tenant: str, lead_id: str) -> lead_pb2.Lead:
        lead = self.leads.get((tenant, lead_id))
        if lead is None:
            await fail(context, code_pb2.NOT_FOUND, "lead_not_found", "the tenant has no such lead")
        return lead

    async def CreateLead(
        self, request: lead_service_pb.CreateLeadRequest, context: Context
    ) -> lead_service_pb.CreateLeadResponse:
        """Create, once per request id."""
        lead = request.lead
        if not (lead.email or lead.first_name or lead.last_name):
            fields = ("lead.first_name", "lead.custom_fields.a_b")
            await fail(context, code_pb2.INVALID_ARGUMENT, "invalid_field", "a lead needs a name", *fields)
        self.actors.append(request.actor)
        known = self.requests.get((request.tenant_id, request.request_id)) if request.request_id else None
        if known is None:
            lead.lead_id = str(uuid.uuid4())
            lead.etag = "1"
            lead.crm_metadata.source_system = "jazzaam"
            lead.created_at.GetCurrentTime()
            self.leads[request.tenant_id, lead.lead_id] = lead
            self.requests[request.tenant_id, request.request_id] = known = lead.lead_id
        return lead_service_pb.CreateLeadResponse(lead=self.leads[request.tenant_id, known])

    async def GetLead(
        self, request: lead_service_pb.GetLeadRequest, context: Context
    ) -> lead_service_pb.GetLeadResponse:
        """Get."""
        return lead_service_pb.GetLeadResponse(lead=await self._get(context, request.tenant_id, request.lead_id))

    async def ListLeads(
        self, request: lead_service_pb.ListLeadsRequest, context: Context
    ) -> lead_service_pb.ListLeadsResponse:
        """List one page; the token is the number of leads before it."""
        if request.page_token and not request.page_token.isdecimal():
            await fail(
                context, code_pb2.INVALID_ARGUMENT, "page_token", "use the token of the page before", "page_token"
            )
        mine = [lead for (tenant, _), lead in self.leads.items() if tenant == request.tenant_id]
        found = [lead for lead in mine if not request.email or lead.email == request.email]
        start = int(request.page_token or "0")
        end = start + (request.page_size or 50)
        return lead_service_pb.ListLeadsResponse(
            leads=found[start:end], next_page_token=str(end) if end < len(found) else ""
        )

    async def UpdateLead(
        self, request: lead_service_pb.UpdateLeadRequest, context: Context
    ) -> lead_service_pb.UpdateLeadResponse:
        """Set the masked fields."""
        if not request.update_mask.paths:
            await fail(context, code_pb2.INVALID_ARGUMENT, "invalid_field", "name the fields", "update_mask")
        lead = await self._get(context, request.tenant_id, request.lead_id)
        if request.etag and request.etag != lead.etag:
            await fail(context, code_pb2.ABORTED, "stale_etag", "the lead has moved on")
        self.masks.append(list(request.update_mask.paths))
        for path in request.update_mask.paths:
            head, _, name = path.partition(".")
            if name:
                lead.custom_fields[name] = request.lead.custom_fields[name]
            else:
                setattr(lead, head, getattr(request.lead, head))
        lead.etag = str(int(lead.etag) + 1)
        return lead_service_pb.UpdateLeadResponse(lead=lead)

    async def DeleteLead(
        self, request: lead_service_pb.DeleteLeadRequest, context: Context
    ) -> lead_service_pb.DeleteLeadResponse:
        """Delete."""
        lead = await self._get(context, request.tenant_id, request.lead_id)
        if request.etag and request.etag != lead.etag:
            await fail(context, code_pb2.ABORTED, "stale_etag", "the lead has moved on")
        if request.merged_into_lead_id == request.lead_id:
            await fail(context, code_pb2.INVALID_ARGUMENT, "invalid_field", "names another lead", "merged_into_lead_id")
        self.ended.append(request)
        del self.leads[request.tenant_id, request.lead_id]
        return lead_service_pb.DeleteLeadResponse()

    async def ExplainLead(
        self, request: lead_service_pb.ExplainLeadRequest, context: Context
    ) -> lead_service_pb.ExplainLeadResponse:
        """Explain one decision on two fields; what was asked for is remembered."""
        await self._get(context, request.tenant_id, request.lead_id)
        self.explained.append(request)
        found = lead_service_pb.Explanation(
            decision_id="decision",
            outcome="updated",
            actor="i",
            integration_id="i",
            record_id="7",
            event_source="CRM_UI:userId:7",
        )
        found.decided_at.FromMilliseconds(1_782_371_970_000)
        found.fields.add(field="first_name", side="platform", before="", after="Ann", because="only the CRM changed it")
        found.fields.add(field="custom_fields.a_b", side="crm", before="x")
        return lead_service_pb.ExplainLeadResponse(explanations=[found], next_page_token="more")


class FakeSync(sync_grpc.SyncServiceServicer):
    """Fixed counters of the integrations in `known`, and the conflicts given; remembers what was asked for."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.asked: list[sync_pb.RequestSyncRequest] = []
        self.conflicts: list[sync_pb.Conflict] = []
        self.looked: list[sync_pb.ListConflictsRequest] = []
        self.resolved: list[sync_pb.ResolveConflictRequest | sync_pb.ResolveConflictsRequest] = []
        self.undone: list[sync_pb.UndoDecisionRequest] = []
        self.matches: list[sync_pb.Match] = []
        self.picked: list[sync_pb.PickMatchRequest] = []
        self.listed: list[sync_pb.ListMatchesRequest | sync_pb.ListDuplicatesRequest] = []

    async def ListConflicts(
        self, request: sync_pb.ListConflictsRequest, context: Context
    ) -> sync_pb.ListConflictsResponse:
        """List those of a lead, or all."""
        del context
        self.looked.append(request)
        found = [item for item in self.conflicts if request.lead_id in {"", item.lead_id}]
        return sync_pb.ListConflictsResponse(conflicts=found, next_page_token="more" if request.page_size else "")

    async def ResolveConflict(
        self, request: sync_pb.ResolveConflictRequest, context: Context
    ) -> sync_pb.ResolveConflictResponse:
        """Settle, if it is there and was seen as it is."""
        key = (request.lead_id, request.integration_id, request.field)
        item = next((i for i in self.conflicts if (i.lead_id, i.integration_id, i.field) == key), None)
        if item is None:
            await fail(context, code_pb2.NOT_FOUND, "conflict_not_found", "the field does not wait for anybody")
        if item.etag != request.etag:
            await fail(context, code_pb2.ABORTED, "stale_etag", "the conflict has changed since it was read")
        self.resolved.append(request)
        return sync_pb.ResolveConflictResponse(decision_id="decision")

    async def ResolveConflicts(
        self, request: sync_pb.ResolveConflictsRequest, context: Context
    ) -> sync_pb.ResolveConflictsResponse:
        """Settle 1,000, of more."""
        del context
        self.resolved.append(request)
        return sync_pb.ResolveConflictsResponse(resolved=1000, more=True)

    async def UndoDecision(
        self, request: sync_pb.UndoDecisionRequest, context: Context
    ) -> sync_pb.UndoDecisionResponse:
        """Undo; a decision whose id is a reason is refused for it, and one that is no `decision` is unknown."""
        if request.decision_id in {"undo_too_late", "nothing_to_undo", "changed_since"}:
            await fail(context, code_pb2.FAILED_PRECONDITION, request.decision_id, "it cannot be undone")
        if request.decision_id != "decision":
            await fail(context, code_pb2.NOT_FOUND, "decision_not_found", "the tenant has no such decision")
        self.undone.append(request)
        return sync_pb.UndoDecisionResponse(lead_id="lead")

    async def ListMatches(self, request: sync_pb.ListMatchesRequest, context: Context) -> sync_pb.ListMatchesResponse:
        """List all."""
        del context
        self.listed.append(request)
        return sync_pb.ListMatchesResponse(matches=self.matches, next_page_token="more" if request.page_size else "")

    async def PickMatch(self, request: sync_pb.PickMatchRequest, context: Context) -> sync_pb.PickMatchResponse:
        """Pick, if it waits and was seen as it is; a lead whose id is a reason is refused for it."""
        match = next((item for item in self.matches if item.record_id == request.record_id), None)
        if match is None:
            await fail(context, code_pb2.NOT_FOUND, "match_not_found", "the record does not wait for anybody")
        if match.etag != request.etag:
            await fail(context, code_pb2.ABORTED, "stale_etag", "the candidates have changed since they were read")
        if request.lead_id == "pair_busy":
            await fail(context, code_pb2.FAILED_PRECONDITION, "pair_busy", "a write is under way")
        self.picked.append(request)
        return sync_pb.PickMatchResponse()

    async def ListDuplicates(
        self, request: sync_pb.ListDuplicatesRequest, context: Context
    ) -> sync_pb.ListDuplicatesResponse:
        """List one pair."""
        del context
        self.listed.append(request)
        pair = sync_pb.Duplicate(integration_id="i", record_id="7", lead_id="a", duplicate_lead_id="b")
        return sync_pb.ListDuplicatesResponse(duplicates=[pair])

    async def RequestSync(self, request: sync_pb.RequestSyncRequest, context: Context) -> sync_pb.RequestSyncResponse:
        """Make due."""
        del context
        self.asked.append(request)
        return sync_pb.RequestSyncResponse(queued=len(request.lead_ids) or 3)

    async def GetSyncStatus(
        self, request: sync_pb.GetSyncStatusRequest, context: Context
    ) -> sync_pb.GetSyncStatusResponse:
        """Get counters."""
        if request.integration_id not in self.known:
            await fail(context, code_pb2.NOT_FOUND, "integration_not_found", "the tenant has no such integration")
        answer = sync_pb.GetSyncStatusResponse(
            from_crm_created=1,
            from_crm_updated=2,
            from_crm_skipped=3,
            from_crm_unlinked=4,
            from_crm_failed=1,
            to_crm_synced=6,
            pending=8,
            oldest_pending_seconds=9,
            conflicts=10,
            failed_work=11,
            total_received=12,
            decided=2,
            found_by_sweep=5,
        )
        answer.last_received_at.FromMilliseconds(1_782_371_970_000)
        return answer

    async def ListWork(self, request: sync_pb.ListWorkRequest, context: Context) -> sync_pb.ListWorkResponse:
        """List one work item in the state asked for, or failed."""
        del context
        work = sync_pb.Work(
            work_item_id="work_item",
            integration_id=request.integration_id,
            state=request.state or sync_pb.WORK_STATE_FAILED,
            attempts=2,
            reason="rate_limited",
            cause="The quota is used up.",
        )
        return sync_pb.ListWorkResponse(work=[work])


class FakeConnector(integration_service_pb2_grpc.IntegrationServiceServicer):
    """Integrations of all tenants in a dict."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], integration_pb2.Integration] = {}
        self.created: list[connector_pb.CreateIntegrationRequest] = []
        self.updated: list[connector_pb.UpdateIntegrationRequest] = []
        self.runs: dict[str, integration_pb2.Run] = {}
        self.started: list[connector_pb.StartImportRequest | connector_pb.StartPushRequest] = []
        self.checks = [integration_pb2.Check(name="token", state=integration_pb2.CHECK_STATE_OK, finding="It works.")]

    async def _get(self, context: Context, request: Any) -> integration_pb2.Integration:
        item = self.items.get((request.tenant_id, request.integration_id))
        if item is None:
            await fail(context, code_pb2.NOT_FOUND, "integration_not_found", "the tenant has no such integration")
        return item

    async def CreateIntegration(
        self, request: connector_pb.CreateIntegrationRequest, context: Context
    ) -> connector_pb.CreateIntegrationResponse:
        """Connect."""
        self.created.append(request)
        if request.account_id == "1":
            await fail(context, code_pb2.ALREADY_EXISTS, "account_connected", "the account is connected already")
        item = request.integration
        item.integration_id = str(uuid.uuid4())
        item.provider = request.provider
        item.account_id = request.account_id or "48975575"
        item.app_id = request.app_id
        item.credential_kind = integration_pb2.CREDENTIAL_KIND_ACCESS_TOKEN
        item.etag = "1"
        self.items[request.tenant_id, item.integration_id] = item
        return connector_pb.CreateIntegrationResponse(integration=item)

    async def GetIntegration(self, request: Any, context: Context) -> Any:
        """Get."""
        return connector_pb.GetIntegrationResponse(integration=await self._get(context, request))

    async def ListIntegrations(self, request: Any, context: Context) -> Any:
        """List."""
        del context
        mine = [item for (tenant, _), item in self.items.items() if tenant == request.tenant_id]
        return connector_pb.ListIntegrationsResponse(integrations=mine)

    async def UpdateIntegration(self, request: Any, context: Context) -> Any:
        """Set the masked fields."""
        item = await self._get(context, request)
        if request.etag and request.etag != item.etag:
            await fail(context, code_pb2.ABORTED, "stale_etag", "the integration has moved on")
        self.updated.append(request)
        given = request.integration.deletions
        if given.cap_percent == 13:
            field = "integration.deletions.cap_percent"
            await fail(context, code_pb2.INVALID_ARGUMENT, "invalid_field", "this share is unlucky", field)
        for path in request.update_mask.paths:
            item.ClearField(path)
            request.update_mask.MergeMessage(request.integration, item, replace_repeated_field=True)
        item.etag = str(int(item.etag) + 1)
        applies = {"paused", "deletions"}.isdisjoint(request.update_mask.paths)
        run = integration_pb2.Run(run_id="run-1", kind=integration_pb2.RUN_KIND_APPLY) if applies else None
        return connector_pb.UpdateIntegrationResponse(integration=item, run=run)

    async def DeleteIntegration(self, request: Any, context: Context) -> Any:
        """Disconnect."""
        await self._get(context, request)
        del self.items[request.tenant_id, request.integration_id]
        return connector_pb.DeleteIntegrationResponse()

    async def EnableWebhooks(self, request: Any, context: Context) -> Any:
        """Enable."""
        (await self._get(context, request)).webhooks_enabled = True
        return connector_pb.EnableWebhooksResponse(webhooks=await self._webhooks(request, context))

    async def DisableWebhooks(self, request: Any, context: Context) -> Any:
        """Disable."""
        (await self._get(context, request)).webhooks_enabled = False
        return connector_pb.DisableWebhooksResponse(webhooks=await self._webhooks(request, context))

    async def GetWebhookStatus(self, request: Any, context: Context) -> Any:
        """Get the state."""
        return connector_pb.GetWebhookStatusResponse(webhooks=await self._webhooks(request, context))

    def _start(self, request: Any, kind: integration_pb2.RunKind.ValueType) -> integration_pb2.Run:
        self.started.append(request)
        run = integration_pb2.Run(
            run_id=f"run-{len(self.started)}",
            integration_id=request.integration_id,
            kind=kind,
            state=integration_pb2.RUN_STATE_RUNNING,
            dry_run=request.dry_run,
        )
        run.created_at.FromMilliseconds(1_782_371_970_000)
        self.runs[run.run_id] = run
        return run

    async def StartImport(self, request: Any, context: Context) -> Any:
        """Start; one at a time."""
        if any(run.integration_id == request.integration_id for run in self.runs.values()):
            await fail(context, code_pb2.FAILED_PRECONDITION, "run_in_progress", "an import is running")
        return connector_pb.StartImportResponse(run=self._start(request, integration_pb2.RUN_KIND_IMPORT))

    async def StartPush(self, request: Any, context: Context) -> Any:
        """Start."""
        del context
        return connector_pb.StartPushResponse(run=self._start(request, integration_pb2.RUN_KIND_PUSH))

    async def _run(self, request: Any, context: Context) -> integration_pb2.Run:
        if request.run_id not in self.runs or request.tenant_id != "acme":
            await fail(context, code_pb2.NOT_FOUND, "run_not_found", "the tenant has no such run")
        return self.runs[request.run_id]

    async def GetRun(self, request: Any, context: Context) -> Any:
        """Get."""
        return connector_pb.GetRunResponse(run=await self._run(request, context))

    async def ListRuns(self, request: Any, context: Context) -> Any:
        """List those of a kind."""
        del context
        found = [run for run in self.runs.values() if request.kind in {0, run.kind}]
        return connector_pb.ListRunsResponse(runs=found)

    async def ListPlannedRecords(self, request: Any, context: Context) -> Any:
        """List one record; only dry runs have a plan."""
        if not (await self._run(request, context)).dry_run:
            await fail(context, code_pb2.FAILED_PRECONDITION, "not_a_dry_run", "only a dry run has a plan")
        record = integration_pb2.PlannedRecord(
            record_id="7",
            outcome=request.outcome or "skipped",
            lead_fields=["first_name", "custom_fields.a_b"],
            conflict_fields=["phone"],
        )
        return connector_pb.ListPlannedRecordsResponse(records=[record], next_page_token="more")

    async def CancelRun(self, request: Any, context: Context) -> Any:
        """Cancel."""
        run = await self._run(request, context)
        run.state = integration_pb2.RUN_STATE_CANCELLED
        return connector_pb.CancelRunResponse(run=run)

    async def CheckIntegration(self, request: Any, context: Context) -> Any:
        """Find what `checks` says."""
        await self._get(context, request)
        return connector_pb.CheckIntegrationResponse(checks=self.checks)

    async def ListCrmFields(self, request: Any, context: Context) -> Any:
        """List two properties."""
        await self._get(context, request)
        option = integration_pb2.CrmFieldOption(value="OPEN", label="Open")
        fields = [
            integration_pb2.CrmField(property="firstname", label="First", type="string", mapped_to="first_name"),
            integration_pb2.CrmField(property="hs_x", label="X", type="enumeration", read_only=True, options=[option]),
        ]
        return connector_pb.ListCrmFieldsResponse(fields=fields)

    async def _webhooks(self, request: Any, context: Context) -> connector_pb.WebhookState:
        item = await self._get(context, request)
        subscriptions = [
            connector_pb.Subscription(subscription_id="7", event="contact.creation", active=False),
            connector_pb.Subscription(
                subscription_id="8", event="contact.propertyChange", property="email", active=True
            ),
        ]
        return connector_pb.WebhookState(
            enabled=item.webhooks_enabled,
            url="https://sync.example.com/api/v1/webhooks/hubspot",
            subscriptions=subscriptions,
            managed=True,
            events=["contact.creation", "contact.propertyChange"],
        )


class Store:
    """A lead-store double on a port of its own."""

    def __init__(self) -> None:
        self.inbox = FakeInbox()
        self.leads = FakeLeads()  # type: ignore[abstract]  # only what the gateway calls
        self.sync = FakeSync()  # type: ignore[abstract]
        self.health = health.aio.HealthServicer()
        self.port = 0

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[None]:
        """Serve until the block ends; open calls are then cut."""
        server = grpc.aio.server(options=(("grpc.max_receive_message_length", 32 * 1024 * 1024),))
        inbox_grpc.add_InboxServiceServicer_to_server(self.inbox, server)
        lead_service_pb2_grpc.add_LeadServiceServicer_to_server(self.leads, server)
        sync_grpc.add_SyncServiceServicer_to_server(self.sync, server)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, server)
        await self.health.set("", health_pb2.HealthCheckResponse.SERVING)
        self.port = server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        try:
            yield
        finally:
            await server.stop(None)


@asynccontextmanager
async def serve_connector(connector: FakeConnector) -> AsyncIterator[int]:
    """Serve a crm-connector double until the block ends; yields its port."""
    server = grpc.aio.server()
    integration_service_pb2_grpc.add_IntegrationServiceServicer_to_server(connector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)
