"""Plans: what work would conclude is said without doing it, and nothing is kept."""

from collections.abc import Iterable
from typing import Any

import grpc
import pytest
from lead_store_calls import FIELDS, INTEGRATION, TENANT, LeadStore, absent, archived, at, done, present, target
from leadsync.lead.v1 import lead_pb2, lead_service_pb2
from leadsync.sync.v1 import plan_service_pb2 as plan_pb
from leadsync.sync.v1 import policy_pb2, sync_pb2


def plan(
    lead_store: LeadStore,
    records: Iterable[sync_pb2.PresentRecord] = (),
    observations: Iterable[sync_pb2.Observation] = (),
    **more: Any,
) -> list[sync_pb2.Decision]:
    """Ask for a plan."""
    request = plan_pb.PlanRecordsRequest(integration_id=INTEGRATION, records=records, observations=observations, **more)
    return list(lead_store.plan_stub.PlanRecords(request, timeout=60).decisions)


def plan_leads(lead_store: LeadStore, *lead_ids: str) -> list[sync_pb2.Lease]:
    """Ask what a push would lease."""
    request = plan_pb.PlanLeadsRequest(tenant_id=TENANT, integration_id=INTEGRATION, lead_ids=lead_ids)
    return list(lead_store.plan_stub.PlanLeads(request, timeout=60).leases)


def record(record_id: str, modified: float = 9, **more: Any) -> sync_pb2.PresentRecord:
    """A record as a page shows it."""
    return present(sync_pb2.Lease(work_item_id="none", record_id=record_id), at(modified), **more).present


def a_target(integration_id: str = INTEGRATION, **changes: Any) -> sync_pb2.Target:
    """The integration as it is, but for changes."""
    return target(integration_id, account_id="whatever", **changes)


def everything(lead_store: LeadStore) -> dict[str, list[Any]]:
    """All that the database holds, but for the signs of life and the notes of news that come by themselves."""
    names = set(lead_store.database.list_collection_names()) - {"processes"}
    return {name: list(lead_store.database[name].find({}, {"news": 0}).sort("_id", 1)) for name in names}


def outcomes(decisions: list[sync_pb2.Decision]) -> list[str]:
    """Conclusions by name, with their reasons."""
    names = [(sync_pb2.Outcome.Name(one.outcome).removeprefix("OUTCOME_").lower(), one.reason) for one in decisions]
    return [":".join(filter(None, both)) for both in names]


def test_a_plan_says_what_would_happen_and_keeps_nothing(lead_store: LeadStore) -> None:
    """Creates, links, updates, writes and skips are distinguished, with their fields, and nothing is changed."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="one@x.org", phone="1")
    lead_store.create(email="two@x.org", first_name="Two")
    before = everything(lead_store)

    planned = plan(
        lead_store,
        [
            record("1", email="one@x.org", phone="9"),
            record("2", email="two@x.org"),
            record("3", email="three@x.org", last_name="Three"),
            record("4", email="three@x.org"),
            record("5", email="five@x.org", source_system="jazzaam"),
            record("6", phone="6"),
        ],
    )

    assert outcomes(planned) == [
        "updated",
        "linked",
        "created",
        "failed:ambiguous_match",  # its e-mail is the one of the lead that the record before would make
        "skipped:originated_on_platform",
        "skipped:no_name",
    ]
    assert [list(one.lead_fields) for one in planned[:3]] == [["phone"], [], ["email", "last_name"]]
    assert dict(planned[1].write.values) == {"first_name": "Two"}
    assert [bool(one.lead_id) for one in planned] == [True, True, False, False, False, False]
    assert (planned[0].lead_id, {one.work_item_id for one in planned} - {""}) == (
        lead_id,
        {one.work_item_id for one in planned},
    )
    assert everything(lead_store) == before


def test_what_an_import_would_leave_alone_is_left_alone(lead_store: LeadStore) -> None:
    """R9: a record that was read after its last change is unchanged, whatever the lead holds by now."""
    lead_store.put_target(direction=lead_pb2.DIRECTION_FROM_CRM)
    lead_id = lead_store.import_contact("1", modified=5, email="one@x.org", phone="1")
    lead_store.update(lead_id, phone="2")

    assert outcomes(plan(lead_store, [record("1", 5, email="one@x.org", phone="3")])) == ["unchanged"]
    assert outcomes(plan(lead_store, [record("1", 6, email="one@x.org", phone="3")])) == ["updated"]


def test_history_decides_what_only_history_can(lead_store: LeadStore) -> None:
    """Rule newest needs history when both sides changed; rule ask leaves a conflict, which is named."""
    lead_store.put_target(rules={"company": {"rule": policy_pb2.MERGE_RULE_ASK}})
    lead_id = lead_store.import_contact("1", email="one@x.org", phone="1", company="A")
    lead_store.update(lead_id, phone="2", company="B")
    theirs = {"email": "one@x.org", "phone": "3", "company": "C"}

    (unsure,) = plan(lead_store, [record("1", given=theirs)])
    lease = sync_pb2.Lease(work_item_id=unsure.work_item_id, record_id="1")
    seen = present(lease, at(9), history={"phone": [("3", at(9), False)]}, given=theirs)
    sure, again = plan(lead_store, [record("2", email="two@x.org")], [seen])

    assert outcomes([unsure, sure, again]) == ["needs_history", "created", "pushed"]
    assert dict(again.write.values) == {"phone": "2"}
    assert (list(again.conflict_fields), list(again.lead_fields)) == (["company"], [])


def test_a_push_is_planned_from_what_it_would_lease(lead_store: LeadStore) -> None:
    """A linked lead's record, a detached or new lead's mark and e-mail are looked for; what is gone is left out."""
    lead_store.put_target()
    linked = lead_store.import_contact("1", email="one@x.org")
    lead_store.update(linked, phone="2")
    new, found, gone = (lead_store.create(email=f"{name}@x.org").lead_id for name in ("New", "found", "gone"))
    lead_store.leads.DeleteLead(lead_service_pb2.DeleteLeadRequest(tenant_id=TENANT, lead_id=gone), timeout=60)
    before = everything(lead_store)

    leases = plan_leads(lead_store, found, linked, gone, new, "no-such-lead")
    seen = [
        present(leases[0], at(3), record_id="7", email="found@x.org", phone="7"),
        present(leases[1], at(3), email="one@x.org"),
        absent(leases[2]),
    ]
    planned = plan(lead_store, observations=seen, push=True)

    assert [(one.fence, one.record_id, one.lead_id, one.email) for one in leases] == [
        (0, "", found, "found@x.org"),
        (0, "1", linked, ""),
        (0, "", new, "new@x.org"),
    ]
    assert outcomes(planned) == ["linked", "pushed", "pushed"]
    assert [(one.lead_id, one.record_id) for one in planned] == [(found, "7"), (linked, "1"), (new, "")]
    assert [list(one.lead_fields) for one in planned] == [["phone"], [], []]
    assert [dict(one.write.values) for one in planned] == [{}, {"phone": "2"}, {"email": "New@x.org"}]
    assert [one.write.kind for one in planned[1:]] == [sync_pb2.WRITE_KIND_UPDATE, sync_pb2.WRITE_KIND_CREATE]
    assert everything(lead_store) == before


def test_a_push_makes_a_new_record_for_a_detached_lead(lead_store: LeadStore) -> None:
    """R13: a person who pushes such a lead gets a new record, and the plan says so; no other work would."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="one@x.org")
    (lease,) = plan_leads(lead_store, lead_id)

    (unlinked,) = plan(lead_store, observations=[archived(lease)], push=True)
    lead_store.update(lead_id, phone="1")
    lead_store.reconcile(archived(lead_store.lease_one()))
    (lease,) = plan_leads(lead_store, lead_id)
    (pushed,) = plan(lead_store, observations=[absent(lease)], push=True)
    (skipped,) = plan(lead_store, observations=[absent(lease)])

    assert (lease.record_id, lease.email) == ("", "one@x.org")
    assert outcomes([unlinked, pushed, skipped]) == ["unlinked:record_archived", "pushed", "skipped:record_archived"]


def test_a_record_that_two_leads_found_is_one_leads(lead_store: LeadStore) -> None:
    """R16: of leads that find the same record one would be linked, and one that finds another lead's record fails."""
    lead_store.put_target()
    lead_store.import_contact("1", email="one@x.org")
    ids = [lead_store.create(email=email).lead_id for email in ("two@x.org", "two@x.org", "one@x.org")]

    leases = plan_leads(lead_store, *ids)
    seen = [present(leases[n], at(3), record_id="2", email="two@x.org") for n in (0, 1)]
    seen.append(present(leases[2], at(0), record_id="1", email="one@x.org"))
    planned = plan(lead_store, observations=seen, push=True)

    assert sorted(outcomes(planned)[:2]) == ["linked", "released:record_found"]
    assert outcomes(planned)[2] == "failed:ambiguous_match"


def test_a_proposal_is_planned_as_if_it_were_so(lead_store: LeadStore) -> None:
    """R19: direction, rules and mapping of a proposal count; under another mapping nothing was ever agreed on."""
    lead_store.put_target()
    lead_store.import_contact("1", email="one@x.org", phone="1", company="A")
    seen = record("1", email="one@x.org", phone="3", company="A")
    ask = {name: {"rule": policy_pb2.MERGE_RULE_ASK} for name in FIELDS}

    (as_it_is,) = plan(lead_store, [seen])
    (out_only,) = plan(lead_store, [seen], target=a_target(direction=lead_pb2.DIRECTION_TO_CRM))
    (another,) = plan(lead_store, [seen], target=a_target(rules=ask, mapping_fingerprint="m2"))
    (fewer,) = plan(lead_store, [seen], target=a_target(fields=["company"]))

    assert outcomes([as_it_is, out_only, another, fewer]) == ["updated", "unchanged", "unchanged", "unchanged"]
    assert [list(one.lead_fields) for one in (as_it_is, out_only)] == [["phone"], []]
    assert list(another.conflict_fields) == ["phone"]


def test_a_settled_write_is_looked_at_with_history(lead_store: LeadStore) -> None:
    """R3: a plan asks for history where the work would, so that it ends at the same."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="one@x.org", phone="1")
    lead_store.update(lead_id, phone="2")
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(5), email="one@x.org", phone="1"))
    lead_store.settle(lease, decision.write, done("1", at(6), phone="2"))

    (planned_lease,) = plan_leads(lead_store, lead_id)

    assert planned_lease.history
    assert outcomes(plan(lead_store, [record("1", 7, email="one@x.org", phone="2")])) == ["needs_history"]


@pytest.mark.parametrize(
    "more",
    [
        {"target": a_target(tenant_id="another")},
        {"target": a_target(integration_id="another")},
        {"observations": [sync_pb2.Observation(work_item_id="another/record/1", absent=sync_pb2.AbsentRecord())]},
        {"observations": [sync_pb2.Observation(work_item_id=f"{INTEGRATION}/else/1", absent=sync_pb2.AbsentRecord())]},
        {"records": [record("1")] * 101},
        {"records": []},
    ],
)
def test_l9_a_plan_is_of_one_integration_alone(lead_store: LeadStore, more: dict[str, Any]) -> None:
    """A proposal for another integration or tenant, another's work item, and a batch too large are refused."""
    lead_store.put_target()

    with pytest.raises(grpc.RpcError) as caught:
        plan(lead_store, **({"records": [record("1")]} | more))

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
