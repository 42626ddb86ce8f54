"""The result of a dry run, in a sentence."""

from collections.abc import Iterator, Mapping
from typing import Any

# Effects and outcomes of a run by name, with their words in singular and plural.
_WORDS = (
    ("effects", "leads_created", "create {} lead", "create {} leads"),
    ("outcomes", "linked", "link {}", ""),
    ("effects", "leads_updated", "update {} lead", "update {} leads"),
    ("effects", "records_created", "create {} record", "create {} records"),
    ("effects", "records_updated", "update {} record", "update {} records"),
    ("effects", "records_archived", "archive {} record", "archive {} records"),
    ("outcomes", "unlinked", "unlink {}", ""),
    ("outcomes", "erased", "erase {}", ""),
    ("effects", "conflicts", "leave {} field to a person", "leave {} fields to a person"),
    ("outcomes", "unchanged", "find {} unchanged", ""),
    ("outcomes", "skipped", "skip {}", ""),
    ("outcomes", "failed", "fail on {}", ""),
    ("outcomes", "waiting", "leave {} waiting", ""),
)


def in_words(run: Mapping[str, Any]) -> str:
    """Return what the run would do, the reasons why not, and the number of calls."""
    parts = ", ".join(_parts(run)) or "do nothing"
    reasons = ", ".join(f"{name} {number}" for name, number in _counts(run, "reasons").items())
    calls = run.get("callsNeeded") or 0
    because = f" ({reasons})" if reasons else ""
    return f"would {parts}{because}, and take {calls} call{'' if calls == 1 else 's'} to the CRM"


def _parts(run: Mapping[str, Any]) -> Iterator[str]:
    for place, name, one, more in _WORDS:
        if number := _counts(run, place).get(name):
            yield (one if number == 1 or not more else more).format(number)


def _counts(run: Mapping[str, Any], place: str) -> Mapping[str, int]:
    return run.get(place) or {}
