"""Changed settings on their way to what is linked already: real storage, the HubSpot simulator, a real lead-store."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from crm_connector.bootstrap import now
from crm_connector.domain.changes import Changes
from crm_connector.domain.errors import StaleEtagError
from crm_connector.domain.integration import (
    Integration,
)
from crm_connector.domain.run import Run, RunKind, RunState
from crm_connector.domain.transforms import Transform, TransformKind
from integration.connector import builders
from integration.connector.builders import FROM_CRM, TO_CRM
from integration.connector.hub import BATCH_UPDATE, Simulator
from integration.connector.lead_store_double import StoreDouble
from integration.connector.rig import Parts
from lead_store_calls import LeadStore
from leadsync.sync.v1 import policy_pb2

TENANT = "tenant-1"
MAPPING = {"email": "email", "phone": "phone", "status": "hs_lead_status"}
STATUS = {"status": (Transform(TransformKind.OPTIONS, options=(("OPEN", "open"), ("NEW", "new"))),)}
PHONE = {"phone": (Transform(TransformKind.PHONE_E164, region="CH"),)}


def changed(parts: Parts, made: Integration, **changes: Any) -> Run:
    """Change an integration; the run that applies it."""
    _, run = parts.integrations.update(TENANT, made.integration_id, builders.changes(**changes), "")
    assert run is not None
    return run


def imported(parts: Parts, made: Integration) -> None:
    """Import all records."""
    parts.ended(parts.start(made, RunKind.IMPORT))


def test_r19_changed_steps_reach_what_was_imported_before(
    real_parts: Parts, inside: LeadStore, simulator: Simulator
) -> None:
    """The run goes through all that is linked, says how far it is, and is listed among the others."""
    for name, status in {"a": "OPEN", "b": "NEW", "c": "CONNECTED"}.items():
        simulator.control.create_contact({"email": f"{name}@example.com", "hs_lead_status": status})
    made = real_parts.connect(mapping=MAPPING, direction=FROM_CRM)
    imported(real_parts, made)
    assert sorted(lead.status for lead in inside.all_leads()) == ["CONNECTED", "NEW", "OPEN"]

    run = changed(real_parts, made, transforms=STATUS)
    runner = real_parts.runner()
    runner.turn()
    at_work = real_parts.runs.get(TENANT, run.run_id)
    real_parts.work_off()
    real_parts.runner().turn()

    assert (at_work.state, at_work.total, at_work.done) == (RunState.RUNNING, 3, 0)
    done = real_parts.runs.get(TENANT, run.run_id)
    assert (done.state, done.total, done.done, done.outcomes["applied"]) == (RunState.SUCCEEDED, 3, 3, 3)
    assert sorted(lead.status for lead in inside.all_leads()) == ["CONNECTED", "new", "open"]
    assert [done] == real_parts.runs.page(TENANT, made.integration_id, RunKind.APPLY, "", 10)


def test_l3_values_that_take_steps_settle_after_one_write_each_way(
    real_parts: Parts, inside: LeadStore, simulator: Simulator
) -> None:
    """Each side keeps its own spelling, our write comes back as no change, and HubSpot's next edit does come in."""
    record_id = simulator.control.create_contact(
        {"email": "a@example.com", "phone": "044 668 18 00", "hs_lead_status": "OPEN"}
    )
    made = real_parts.connect(mapping=MAPPING, transforms=PHONE | STATUS)
    imported(real_parts, made)
    (lead,) = inside.all_leads()
    assert (lead.phone, lead.status) == ("+41446681800", "open")

    inside.update(lead.lead_id, phone="044 668 19 99", status="new")
    real_parts.work_off()
    imported(real_parts, made)
    real_parts.work_off()

    held = simulator.control.contact(record_id)["properties"]
    assert (held["phone"], held["hs_lead_status"]) == ("+41446681999", "NEW")
    after = inside.get(lead.lead_id)
    assert (after.phone, after.status, list(after.links[0].conflicts)) == ("044 668 19 99", "new", [])
    assert simulator.call_count(BATCH_UPDATE) == 1

    simulator.control.edit_contact(record_id, {"phone": "0446681800"})
    imported(real_parts, made)
    assert inside.get(lead.lead_id).phone == "+41446681800"


def test_a_refused_option_waits_alone(real_parts: Parts, inside: LeadStore, simulator: Simulator) -> None:
    """R21: a word that HubSpot has no option for is refused, and the other fields are written."""
    record_id = simulator.control.create_contact({"email": "a@example.com", "hs_lead_status": "OPEN"})
    made = real_parts.connect(mapping=MAPPING, transforms=STATUS)
    imported(real_parts, made)
    (lead,) = inside.all_leads()

    inside.update(lead.lead_id, phone="1", status="thinking")
    real_parts.work_off()

    held = simulator.control.contact(record_id)["properties"]
    assert (held["phone"], held["hs_lead_status"]) == ("1", "OPEN")
    assert [waits.field for waits in inside.get(lead.lead_id).links[0].refused] == ["status"]


@pytest.mark.parametrize(
    ("changes", "applies"),
    [
        ({"direction": TO_CRM}, True),
        ({"mapping": {"email": "email"}}, True),
        ({"rules": (builders.rule("phone", policy_pb2.MERGE_RULE_CRM),)}, True),
        ({"rules": (builders.rule("phone", blank=policy_pb2.BLANK_RULE_CLEAR),)}, True),
        ({"rules": (builders.rule("phone", direction=TO_CRM),)}, True),
        ({"transforms": PHONE}, True),
        ({"matching": policy_pb2.Matching(keys=[policy_pb2.MATCH_KEY_PHONE])}, True),
        ({"matching": policy_pb2.Matching(phone_region="CH")}, True),
        ({"rules": (builders.rule("phone", policy_pb2.MERGE_RULE_NEWEST, policy_pb2.BLANK_RULE_FOLLOW),)}, False),
        ({"paused": True}, False),
        ({"deletions": policy_pb2.Deletions(cap_number=7)}, False),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_only_what_decides_about_records_is_applied(
    parts: Parts, double: StoreDouble, changes: dict[str, Any], *, applies: bool
) -> None:
    """A run is started for what decisions about records depend on, and lead-store gets its id."""
    made = parts.connect(mapping=MAPPING)

    after, run = parts.integrations.update(TENANT, made.integration_id, builders.changes(**changes), "")

    assert (run is not None) is applies
    assert double.applied == ["", run.run_id if run else ""]
    assert after == parts.integrations.get(TENANT, made.integration_id)


def test_a_run_waits_until_lead_store_knows_its_change(parts: Parts, double: StoreDouble) -> None:
    """If lead-store is away, or this process ends before it has put the target, the run waits and says so."""
    made = parts.connect(mapping=MAPPING)
    double.queued, double.pending, double.unavailable = 5, 5, 2
    run = changed(parts, made, transforms=STATUS)

    parts.runner().turn()
    waiting = parts.runs.get(TENANT, run.run_id)
    parts.upkeep().turn()
    parts.runner().turn()
    looked_at = parts.runs.get(TENANT, run.run_id)
    double.pending = 0
    parts.runner().turn()

    assert (waiting.state, waiting.reason, waiting.total) == (RunState.RUNNING, "store_unavailable", 0)
    assert (looked_at.total, looked_at.done, looked_at.reason) == (5, 0, "")
    done = parts.runs.get(TENANT, run.run_id)
    assert (done.state, done.done, set(double.applied)) == (RunState.SUCCEEDED, 5, {"", run.run_id})


def test_a_later_change_supersedes_the_run(parts: Parts, double: StoreDouble) -> None:
    """Its work is done by the run of the later change; two changes may follow each other at any time."""
    made = parts.connect(mapping=MAPPING)
    double.queued = double.pending = 5
    first = changed(parts, made, transforms=STATUS)
    runner = parts.runner()
    runner.turn()
    second = changed(parts, made, transforms=PHONE)

    for _ in range(3):
        parts.runner().turn()
    double.pending = 0
    parts.runner().turn()

    ended, done = (parts.runs.get(TENANT, run.run_id) for run in (first, second))
    assert (ended.state, ended.reason) == (RunState.CANCELLED, "superseded")
    assert (done.state, done.done) == (RunState.SUCCEEDED, 5)


def test_a_run_whose_change_was_never_stored_ends(parts: Parts, double: StoreDouble) -> None:
    """A change that lost against another one, or a process that died before storing it, leaves a run that ends."""
    made = parts.connect(mapping=MAPPING)
    lost = Run("zzz-lost", TENANT, made.integration_id, RunKind.APPLY, now())
    parts.stored_runs.add(lost)
    parts.runner().turn()
    assert parts.runs.get(TENANT, "zzz-lost").state is RunState.RUNNING  # it may be about to be stored

    old = replace(lost, run_id="zzz-old", created_at=now() - timedelta(minutes=2))
    parts.stored_runs.add(old)
    runner = parts.runner()
    for _ in range(2):
        runner.turn()

    assert (parts.runs.get(TENANT, "zzz-old").reason, double.applied) == ("superseded", [""])
    with pytest.raises(StaleEtagError):
        parts.integrations.update(TENANT, made.integration_id, Changes(transforms=STATUS), "7")


def test_a_cancelled_run_lets_its_work_go(parts: Parts, double: StoreDouble) -> None:
    """Whoever sees that a change was a mistake can stop it; records keep what they have."""
    made = parts.connect(mapping=MAPPING)
    double.queued = double.pending = 5
    run = changed(parts, made, transforms=STATUS)
    parts.runner().turn()

    cancelled = parts.runs.cancel(TENANT, run.run_id)

    assert (cancelled.state, double.dropped_runs, double.pending) == (RunState.CANCELLED, [run.run_id], 0)
