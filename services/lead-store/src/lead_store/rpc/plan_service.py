"""PlanService: what would be decided, without doing it."""

from typing import Any

from leadsync.sync.v1 import plan_service_pb2 as pb
from leadsync.sync.v1 import sync_pb2
from leadsync.sync.v1.plan_service_pb2_grpc import PlanServiceServicer

from lead_store.domain.decision import Decision
from lead_store.domain.observation import Observation
from lead_store.domain.work_item import work_item_id
from lead_store.rpc.policy_mapping import given_policy, policy_message
from lead_store.rpc.requests import at_most, required
from lead_store.rpc.target_mapping import target_of
from lead_store.rpc.work_mapping import decision_message, lease_message, observation, present_record
from lead_store.usecases.planning import Planning


class PlanService(PlanServiceServicer):
    """Checks and dry runs. Nothing is kept."""

    def __init__(self, planning: Planning) -> None:
        self.planning = planning

    def CheckPolicy(self, request: pb.CheckPolicyRequest, context: Any) -> pb.CheckPolicyResponse:  # noqa: N802, ARG002
        """Check a policy, and fill in its defaults."""
        tenant_id, given = required("tenant_id", request.tenant_id), given_policy(request.policy)
        policy = self.planning.policy(tenant_id, given, list(request.mapped_fields))
        return pb.CheckPolicyResponse(policy=policy_message(policy))

    def PlanLeads(self, request: pb.PlanLeadsRequest, context: Any) -> pb.PlanLeadsResponse:  # noqa: N802, ARG002
        """Say what a push would lease."""
        tenant_id, integration_id = required("tenant_id", request.tenant_id), request.integration_id
        at_most("lead_ids", len(request.lead_ids))
        leases = self.planning.leads(tenant_id, required("integration_id", integration_id), list(request.lead_ids))
        return pb.PlanLeadsResponse(leases=[lease_message(lease) for lease in leases])

    def PlanRecords(self, request: pb.PlanRecordsRequest, context: Any) -> pb.PlanRecordsResponse:  # noqa: N802, ARG002
        """Say what would be decided."""
        integration_id = required("integration_id", request.integration_id)
        at_most("records", len(request.records) + len(request.observations))
        seen = [_of_record(integration_id, f"records[{n}]", record) for n, record in enumerate(request.records)]
        seen += [observation(f"observations[{n}]", message) for n, message in enumerate(request.observations)]
        proposed = target_of(request.target) if request.HasField("target") else None
        decisions = self.planning.records(integration_id, seen, proposed, push=request.push)
        messages = [planned(integration_id, o.work_item_id, one) for o, one in zip(seen, decisions, strict=True)]
        return pb.PlanRecordsResponse(decisions=messages)


def planned(integration_id: str, work_item: str, decision: Decision) -> sync_pb2.Decision:
    """A decision that is only planned: it names the fields too, and no lead that is not there yet."""
    message = decision_message(work_item, decision)
    if decision.before is None:
        message.lead_id = ""
    lead = decision.lead or decision.before
    link = lead.link(integration_id) if lead is not None else None
    message.lead_fields.extend(sorted(name for name, change in decision.fields.items() if change.side == "platform"))
    message.conflict_fields.extend(sorted({*link.conflicts, *link.overwritten}) if link is not None else ())
    return message


def _of_record(integration_id: str, path: str, message: sync_pb2.PresentRecord) -> Observation:
    record = present_record(path, message)
    return Observation(work_item_id(integration_id, record_id=record.record_id), 0, record)
