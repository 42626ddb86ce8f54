"""Each filter of a list finds what it is for: a value that nothing can have would look like an empty list."""

from typing import Any

from lead_store_calls import FIELDS, INTEGRATION, TENANT, LeadStore, at, eventually, present, touch
from lead_store_moves import resolve
from leadsync.lead.v1 import lead_service_pb2
from leadsync.sync.v1 import conflict_service_pb2 as conflict_pb
from leadsync.sync.v1 import policy_pb2
from leadsync.sync.v1 import work_service_pb2 as work_pb

CUSTOM = "custom_fields.size"
ASK = {field: {"rule": policy_pb2.MERGE_RULE_ASK} for field in ("phone", CUSTOM)}


def records(store: LeadStore, state: int, **more: Any) -> list[str]:
    """The records of the work in a state."""
    request = work_pb.ListWorkRequest(tenant_id=TENANT, state=state, **more)  # type: ignore[arg-type]
    return sorted(one.record_id for one in store.work_stub.ListWork(request, timeout=60).work)


def test_work_is_listed_by_its_state(lead_store: LeadStore) -> None:
    """A record that is being worked on is leased, one that failed has failed, one that waits is due."""
    lead_store.put_target()
    lead_store.deliver(touch("fails"), touch("held"))
    eventually(lambda: len(records(lead_store, 0)) == 2)
    leases = {lease.record_id: lease for lease in lead_store.lease().leases}
    failed = work_pb.Release(
        work_item_id=leases["fails"].work_item_id,
        fence=leases["fails"].fence,
        kind=work_pb.RELEASE_KIND_FAILED,
        reason="conflict",
    )
    lead_store.work_stub.ReleaseWork(work_pb.ReleaseWorkRequest(worker_id="worker-1", releases=[failed]), timeout=60)
    lead_store.deliver(touch("waits"))
    eventually(lambda: len(records(lead_store, 0)) == 3)
    states = {work_pb.WORK_STATE_DUE: "waits", work_pb.WORK_STATE_LEASED: "held", work_pb.WORK_STATE_FAILED: "fails"}
    for state, record in states.items():
        assert records(lead_store, state) == records(lead_store, state, integration_id=INTEGRATION) == [record]
        assert records(lead_store, state, integration_id="other") == []


def test_conflicts_and_history_are_listed_by_field_lead_and_integration(lead_store: LeadStore) -> None:
    """A custom field is one of them."""
    lead_store.put_target(fields=(*FIELDS, CUSTOM), rules=ASK)
    lead_id = lead_store.import_contact("1", email="a@x.org", phone="1")
    lead_store.update(lead_id, phone="here", custom_fields={"size": "here"})
    history = {field: [("there", at(5), False)] for field in ASK}
    custom = {CUSTOM: "there"}
    seen = present(lead_store.lease_one(), at(5), email="a@x.org", phone="there", custom=custom, history=history)
    lead_store.reconcile(seen)

    def found(**filters: Any) -> list[conflict_pb.Conflict]:
        request = conflict_pb.ListConflictsRequest(tenant_id=TENANT, **filters)
        return list(lead_store.conflict_stub.ListConflicts(request, timeout=60).conflicts)

    for both in (found(), found(lead_id=lead_id), found(integration_id=INTEGRATION)):
        assert {one.field for one in both} == set(ASK)
    for field in ASK:
        (conflict,) = found(field=field, lead_id=lead_id, integration_id=INTEGRATION)
        assert conflict.field == field
        resolve(lead_store, conflict, take=conflict_pb.SIDE_CRM)
        assert found(field=field) == []
        request = lead_service_pb2.ExplainLeadRequest(tenant_id=TENANT, lead_id=lead_id, field=field, page_size=1)
        (newest,) = lead_store.leads.ExplainLead(request, timeout=60).explanations
        assert {(one.field, one.after) for one in newest.fields} == {(field, "there")}
    assert found(lead_id="other") == found(integration_id="other") == found(field="email") == []
