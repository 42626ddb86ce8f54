"""Clearing a field on one side because the other side cleared it. Mass clearings stop and ask, as mass deletions do.

Each field counts for itself, per integration and hour, both ways together.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from lead_store.domain.decision import Case

_COUNTER = "clearings:"


def cleared_fields(values: Mapping[str, str]) -> list[str]:
    """The fields that new values clear."""
    return [name for name, value in values.items() if not value.strip()]


def past_cap(fields: Iterable[str], case: Case) -> bool:
    """Whether an hour would bring more clearings of one of the fields than the cap of deletions, without consent."""
    left = case.target.deletions.left
    too_many = any(left(case.linked, case.cleared.get(name, 0)) <= 0 for name in fields)
    return too_many and not case.work_item.notes.approved


def counted(fields: Iterable[str], by: int = 1) -> Counter[str]:
    """Clearings of fields, as a decision counts them."""
    return Counter({_COUNTER + name: by for name in fields})


def clearings_in(counts: Mapping[str, int]) -> dict[str, int]:
    """Field -> number of clearings, among the counts of decisions."""
    return {name.removeprefix(_COUNTER): count for name, count in counts.items() if name.startswith(_COUNTER)}
