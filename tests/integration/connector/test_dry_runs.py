"""Dry runs: what an import or a push would do is listed and kept for a week, and nothing is done."""

from typing import Any

import pytest
from crm_connector.domain.changes import Changes
from crm_connector.domain.errors import InvalidError, NotFoundError, PreconditionError
from crm_connector.domain.forecast import PlannedRecord
from crm_connector.domain.run import Run, RunKind, RunState
from crm_connector.usecases.runner import Runner
from integration.connector import builders
from integration.connector.builders import BOTH, FROM_CRM, TENANT, TO_CRM
from integration.connector.hub import BATCH_READ, LIST, SEARCH, Simulator
from integration.connector.rig import Parts
from lead_store_calls import LeadStore
from leadsync.sync.v1 import policy_pb2
from pymongo.database import Database


@pytest.fixture
def parts(real_parts: Parts) -> Parts:
    """The use cases, wired to a real lead-store."""
    return real_parts


@pytest.fixture
def runner(parts: Parts) -> Runner:
    """A runner that counts calls."""
    return parts.runner()


def connected(parts: Parts, simulator: Simulator, **changes: Any) -> str:
    """Connect the simulator's account; calls are counted from here."""
    made = parts.connect(**changes)
    simulator.control.reset_calls()
    return made.integration_id


def plan_of(parts: Parts, run: Run, outcome: str = "") -> list[PlannedRecord]:
    """What the run found."""
    return parts.runs.planned(TENANT, run.run_id, outcome, "", 1_000)


def everything(inside: LeadStore) -> dict[str, list[Any]]:
    """All that lead-store holds, but for which process works an integration until when, and which processes live."""
    names = set(inside.database.list_collection_names()) - {"targets", "processes"}
    return {name: list(inside.database[name].find().sort("_id", 1)) for name in sorted(names)}


def test_a_dry_import_counts_and_changes_nothing(
    parts: Parts, runner: Runner, inside: LeadStore, simulator: Simulator
) -> None:
    """Creates, links and skips are counted with their reasons, effects and calls; no lead and no contact is touched."""
    simulator.control.create_contacts(150)
    lead = inside.create(email="ada@example.com", phone="1")
    integration_id = connected(parts, simulator)
    known = [{"email": "ada@example.com", "lastname": "L"}, {"phone": "2"}]
    known.append({"email": "eve@example.com", "lead_source_system": "jazzaam"})
    ids = simulator.control.create_contacts(contacts=known)
    before, contacts = everything(inside), simulator.control.contacts()

    run = parts.runs.start(TENANT, integration_id, RunKind.IMPORT, "", dry_run=True)
    done = parts.ended(run, runner)

    assert (done.state, done.done, done.total) == (RunState.SUCCEEDED, 153, 153)
    assert done.outcomes == {"created": 150, "linked": 1, "skipped": 2}
    assert done.reasons == {"no_name": 1, "originated_on_platform": 1}
    assert done.effects == {"leads_created": 150, "leads_updated": 1, "records_updated": 1}
    assert simulator.control.calls() == {LIST: 2, SEARCH: 1}
    assert (done.calls, done.calls_needed) == (3, 4)  # and one write
    (linked,) = plan_of(parts, run, "linked")
    assert (linked.record_id, linked.lead_id) == (ids[0], lead.lead_id)
    assert (linked.lead_fields, linked.crm_fields, linked.conflict_fields) == (("last_name",), ("phone",), ())
    assert {one.reason for one in plan_of(parts, run, "skipped")} == {"no_name", "originated_on_platform"}
    assert (len(plan_of(parts, run)), {one.lead_id for one in plan_of(parts, run, "created")}) == (153, {""})
    assert (everything(inside), simulator.control.contacts()) == (before, contacts)


def test_a_page_that_is_planned_twice_is_kept_once(
    parts: Parts, runner: Runner, simulator: Simulator, db: Database[dict[str, Any]]
) -> None:
    """A dry run that lost its lease in the middle of a page plans that page again; a plan is paged through by key."""
    simulator.control.create_contacts(250)
    integration_id = connected(parts, simulator)
    run = parts.runs.start(TENANT, integration_id, RunKind.IMPORT, "", dry_run=True)
    runner.turn()
    at_first = db.runs.find_one({"_id": run.run_id})
    assert at_first is not None
    runner.turn()
    was = {name: at_first[name] for name in ("position", "done", "outcomes")}
    db.runs.update_one({"_id": run.run_id}, {"$set": was})

    done = parts.ended(run, runner)
    keys, after = set[str](), ""
    while page := parts.runs.planned(TENANT, run.run_id, "created", after, 90):
        keys, after = keys | {one.key for one in page}, page[-1].key

    assert (done.done, done.outcomes, len(keys)) == (250, {"created": 250}, 250)
    assert db.planned_records.count_documents({}) == 250
    expiry = db.planned_records.index_information()["expires"]
    assert expiry["expireAfterSeconds"] == 7 * 86_400
    assert parts.runs.planned("tenant-1", run.run_id, "failed", "", 10) == []


def test_history_is_read_for_those_that_need_it(
    parts: Parts, runner: Runner, inside: LeadStore, simulator: Simulator
) -> None:
    """Where both sides changed a field, the history is read in batches, and the newest value would flow."""
    ids = simulator.control.create_contacts(contacts=[{"email": f"p{n}@example.com", "phone": "1"} for n in range(60)])
    integration_id = connected(parts, simulator, direction=FROM_CRM)
    parts.ended(parts.runs.start(TENANT, integration_id, RunKind.IMPORT, ""), runner)
    for lead in inside.all_leads():
        inside.update(lead.lead_id, phone="2")
    parts.integrations.update(TENANT, integration_id, builders.changes(direction=BOTH), "")
    for record_id in ids[:55]:
        simulator.control.edit_contact(record_id, {"phone": "3"})
    simulator.control.reset_calls()

    done = parts.ended(parts.runs.start(TENANT, integration_id, RunKind.IMPORT, "", dry_run=True), runner)

    assert done.outcomes == {"updated": 55, "pushed": 5}
    assert done.effects == {"leads_updated": 55, "records_updated": 5}
    assert simulator.call_count(BATCH_READ) == 2
    assert (done.calls, done.calls_needed) == (4, 5)


def test_a_dry_push_lists_creates_links_and_updates(
    parts: Parts, runner: Runner, inside: LeadStore, simulator: Simulator
) -> None:
    """Leads are planned as a push would work them: looked for by mark and e-mail, then by the record's id."""
    new, known, gone = (inside.create(email=f"{name}@example.com", phone="1").lead_id for name in ("a", "b", "c"))
    (record_id,) = simulator.control.create_contacts(contacts=[{"email": "b@example.com"}])
    integration_id = connected(parts, simulator)
    simulator.control.reset_calls()

    run = parts.runs.start(TENANT, integration_id, RunKind.PUSH, "", [new, known, gone, "no-such-lead"], dry_run=True)
    inside.database.leads.update_one({"_id": gone}, {"$set": {"deleted_at": run.created_at}})
    done = parts.ended(run, runner)

    assert (done.state, done.outcomes) == (RunState.SUCCEEDED, {"pushed": 1, "linked": 1, "skipped": 2})
    assert (done.effects, done.reasons) == ({"records_created": 1, "records_updated": 1}, {"lead_not_found": 2})
    # twice for the token, by mark, by e-mail; and then by id, one create and one update
    assert (done.calls, done.calls_needed, simulator.call_count(BATCH_READ)) == (4, 7, 2)
    by_lead = {one.lead_id: one for one in plan_of(parts, run)}
    assert (by_lead[new].record_id, by_lead[new].crm_fields) == ("", ("email", "phone"))
    assert (by_lead[known].record_id, by_lead[known].crm_fields) == (record_id, ("phone",))
    assert simulator.control.writes()["total"] == 0


def test_settings_are_tried_out_before_they_are_set(
    parts: Parts, runner: Runner, inside: LeadStore, simulator: Simulator
) -> None:
    """A dry run with another mapping and rules says what these would do, though the integration stays as it is."""
    (record_id,) = simulator.control.create_contacts(contacts=[{"email": "a@example.com", "phone": "1", "city": "B"}])
    integration_id = connected(parts, simulator)
    parts.ended(parts.runs.start(TENANT, integration_id, RunKind.IMPORT, ""), runner)
    (lead,) = inside.all_leads()
    inside.update(lead.lead_id, company="A")
    mapping = {"email": "email", "company": "city", "custom_fields.tel": "phone"}
    rules = (builders.rule("company", policy_pb2.MERGE_RULE_ASK),)

    proposed = parts.integrations.as_proposed(TENANT, integration_id, builders.changes(mapping=mapping, rules=rules))
    run = parts.runs.start(TENANT, integration_id, RunKind.IMPORT, "", dry_run=True, proposed=proposed)
    done = parts.ended(run, runner)

    (found,) = plan_of(parts, run)
    assert (found.record_id, found.outcome, found.conflict_fields) == (record_id, "updated", ("company",))
    assert (found.lead_fields, done.effects) == (("custom_fields.tel",), {"leads_updated": 1, "conflicts": 1})
    assert parts.runs.get(TENANT, run.run_id).proposed == proposed
    assert parts.integrations.get(TENANT, integration_id).mapping != mapping
    with pytest.raises(InvalidError) as caught:
        parts.integrations.as_proposed(TENANT, integration_id, Changes(mapping={"email": "no_such_property"}))
    assert (caught.value.reason, caught.value.field) == ("invalid_field_mapping", "field_mapping.email")
    out = parts.integrations.as_proposed(TENANT, integration_id, builders.changes(direction=TO_CRM))
    with pytest.raises(PreconditionError) as refused:
        parts.runs.start(TENANT, integration_id, RunKind.IMPORT, "", dry_run=True, proposed=out)
    assert refused.value.reason == "direction"


def test_a_dry_run_goes_on_while_the_integration_is_paused(parts: Parts, runner: Runner, simulator: Simulator) -> None:
    """Pausing holds back work, not plans; one run of a kind at a time, and a cancelled one stops."""
    simulator.control.create_contacts(250)
    integration_id = connected(parts, simulator, paused=True)
    run = parts.runs.start(TENANT, integration_id, RunKind.IMPORT, "", dry_run=True)
    with pytest.raises(PreconditionError) as caught:
        parts.runs.start(TENANT, integration_id, RunKind.IMPORT, "")

    runner.turn()
    cancelled = parts.runs.cancel(TENANT, run.run_id)
    runner.turn()

    assert (caught.value.reason, cancelled.state, cancelled.done) == ("run_in_progress", RunState.CANCELLED, 100)
    assert (parts.runs.get(TENANT, run.run_id).done, len(plan_of(parts, run))) == (100, 100)


def test_l9_a_plan_is_its_tenants(parts: Parts, simulator: Simulator) -> None:
    """Another tenant's dry run does not exist, and a run that did its work has no plan."""
    integration_id = connected(parts, simulator)
    dry = parts.runs.start(TENANT, integration_id, RunKind.IMPORT, "", dry_run=True)
    wet = parts.runs.start(TENANT, integration_id, RunKind.PUSH, "")

    with pytest.raises(NotFoundError):
        parts.runs.planned("tenant-2", dry.run_id, "", "", 10)
    with pytest.raises(PreconditionError) as caught:
        parts.runs.planned(TENANT, wet.run_id, "", "", 10)

    assert (caught.value.reason, plan_of(parts, dry)) == ("not_a_dry_run", [])
    assert [run.dry_run for run in parts.runs.page(TENANT, "", None, "", 10)] == [False, True]
