"""How many records a second the merge planner plans on one core: `python tests/bench/planner.py`."""

import time
from datetime import UTC, datetime

from lead_store.domain.merge import Base, Ours, Theirs, plan
from lead_store.domain.rules import FieldRule, Reading

FIELDS = ("email", "first_name", "last_name", "phone", "company", "job_title", "website")
RECORDS = 50_000


def planned_per_second() -> float:
    """Plan records of seven fields, of which one changed on each side; records a second."""
    now = datetime.now(UTC)
    values = {name: f"{name}@example.com" for name in FIELDS}
    base = {name: Base(value, value) for name, value in values.items()}
    ours = Ours({**values, "phone": "1"}, dict.fromkeys(FIELDS, now))
    readings = {name: Reading(value, value) for name, value in values.items()}
    theirs = Theirs({**readings, "company": Reading("new", "new")}, now)
    rules = dict.fromkeys(FIELDS, FieldRule())
    began = time.perf_counter()
    for _ in range(RECORDS):
        result = plan(ours, base, theirs, rules)
    seconds = time.perf_counter() - began
    if (result.to_lead, result.to_crm) != ({"company": "new"}, {"phone": "1"}):
        raise SystemExit("the plan is wrong")
    return RECORDS / seconds


if __name__ == "__main__":
    print(f"{planned_per_second():,.0f} records/s ({RECORDS:,} records of {len(FIELDS)} fields)")
