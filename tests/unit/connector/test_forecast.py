"""What a page of a dry run comes to: pure."""

from datetime import UTC, datetime
from typing import Any

from crm_connector.domain.forecast import Forecast, forecast, planned
from crm_connector.domain.observation import Decision, Lease, Outcome, Write, WriteKind
from crm_connector.domain.run import Run, RunKind


def decided(name: str, reason: str = "", kind: WriteKind | None = None, **more: Any) -> Decision:
    """A decision, with a write of this kind if one is named."""
    write = Write("w", kind, "", "lead-1", {"phone": "2", "email": "1"}) if kind else None
    return Decision("work-1", Outcome.DECIDED, name, write, reason, **more)


def test_conclusions_reasons_and_effects_are_counted() -> None:
    """Each record once by its conclusion; reasons of what is not done; leads, records and fields by what happens."""
    page = [
        decided("created", lead_fields=("email",)),
        decided("updated", kind=WriteKind.UPDATE, lead_fields=("phone",)),
        decided("pushed", kind=WriteKind.CREATE),
        decided("unchanged", conflict_fields=("phone", "company")),
        decided("skipped", "no_name"),
        decided("failed", "ambiguous_match"),
        decided("released", "pair_busy"),
        Decision("work-1", Outcome.NEEDS_READING),
    ]

    counted = forecast(page)

    names = ("created", "updated", "pushed", "unchanged", "skipped", "failed")
    assert counted.outcomes == dict.fromkeys(names, 1) | {"waiting": 2}
    assert counted.reasons == {"no_name": 1, "ambiguous_match": 1}
    happens = {"leads_created": 1, "leads_updated": 1, "records_created": 1, "records_updated": 1}
    assert counted.effects == happens | {"conflicts": 2}


def test_further_calls_are_batches_of_a_hundred_of_a_kind() -> None:
    """Writes go out by kind, a hundred at a time, and so are leads' records read that were found."""
    updates = [decided("pushed", kind=WriteKind.UPDATE)] * 100
    creates = [decided("pushed", kind=WriteKind.CREATE)]

    assert forecast([]).further_calls == 0
    assert forecast(updates).further_calls == 1
    assert forecast([*updates, *updates[:1], *creates], found=1).further_calls == 4


def test_a_planned_record_names_what_it_is_about() -> None:
    """Ids come from the decision, else from what was asked about; of a write only the names of its fields are kept."""
    lease = Lease("work-1", 0, record_id="7", lead_id="lead-9")
    pushed = planned(lease, decided("pushed", kind=WriteKind.UPDATE))
    quiet, conflict = (planned(lease, decided("unchanged", conflict_fields=names)) for names in ((), ("phone",)))

    assert (pushed.record_id, pushed.lead_id, pushed.crm_fields) == ("7", "lead-9", ("email", "phone"))
    assert (pushed.is_listed, quiet.is_listed, conflict.is_listed) == (True, False, True)
    assert planned(lease, Decision("", Outcome.NEEDS_HISTORY)).outcome == "waiting"


def test_a_dry_run_sums_its_pages() -> None:
    """The real run makes the calls that the plan made, and those of its further batches."""
    page: Forecast = forecast([decided("pushed", kind=WriteKind.UPDATE), decided("skipped", "no_name")])
    run = Run("run-1", "tenant-1", "int-1", RunKind.IMPORT, datetime(2026, 1, 1, tzinfo=UTC), dry_run=True)

    run = run.planned(page, 3, "101").planned(page, 2, "")

    assert (run.done, run.calls, run.calls_needed, run.position) == (4, 5, 7, "")
    assert (run.outcomes, run.reasons) == ({"pushed": 2, "skipped": 2}, {"no_name": 2})
    assert run.effects == {"records_updated": 2}
