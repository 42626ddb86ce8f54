"""The table at the end of a run. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from soak.audit import Finding
from soak.final_state import FinalState

MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Summary:
    """What happened in a run."""

    seed: int
    seconds: float
    done: Mapping[str, int]
    killed: Mapping[str, int]
    exits: Mapping[str, int]  # processes that ended by themselves
    faults: Mapping[str, int]
    connections_cut: int
    deliveries: Mapping[str, int]
    acknowledged: int
    answer_ms: Sequence[int]
    idle_after: float | None  # seconds; None = never


def table(summary: Summary, left: FinalState, findings: Sequence[Finding]) -> str:
    """Format a run, what it left, and what the audit found."""
    laws = Counter(finding.law for finding in findings)
    calls, writes = left.calls, left.calls["writes"]
    failed = Counter(work_item["reason"] for work_item in left.work_items.values() if work_item.get("failed_at"))
    parts = [
        ("done", summary.done),
        ("killed with SIGKILL", summary.killed),
        ("ended by themselves", summary.exits),
        ("disturbed", {**summary.faults, "connections cut": summary.connections_cut}),
        ("webhooks", {**summary.deliveries, "acknowledged": summary.acknowledged, **_ages(summary.answer_ms)}),
        ("HubSpot calls", {"total": calls["total"], **{f"status {s}": n for s, n in calls["statuses"].items()}}),
        ("HubSpot writes", {"effective": writes["total"], "without effect": writes["without_effect"]}),
        ("left", {"leads": len(left.leads), "contacts": len(left.contacts), "work_items":
        len(left.work_items)}),
        ("for people", {"conflicts": _conflicts(left), **{f"failed: {why}": n for why, n in failed.items()}}),
        ("findings", {
            "lost": laws["L2"] + laws["L10"], "duplicates": laws["L6"], "unequal": laws["L1"],
            "other": len(findings) - sum(laws[law] for law in ("L1", "L2", "L6", "L10")),
        }),
    ]  # fmt: skip
    quiet = f"{summary.idle_after:.0f} s" if summary.idle_after is not None else "never"
    return "\n".join(
        [
            f"\nsoak: seed {summary.seed}, {summary.seconds:g} s of faults, quiet {quiet} after them",
            *(line for title, facts in parts for line in _lines(title, facts)),
            *_offenders(findings),
        ]
    )


def _lines(title: str, facts: Mapping[str, int]) -> Iterable[str]:
    for number, (name, count) in enumerate(facts.items()):
        yield f"  {title if number == 0 else '':<22}{name:<36}{count:>8,}"


def _offenders(findings: Sequence[Finding]) -> Iterable[str]:
    yield from (f"  ✗ {finding}" for finding in findings[:MOST_SHOWN])
    if len(findings) > MOST_SHOWN:
        yield f"  ✗ … and {len(findings) - MOST_SHOWN} more"


def _ages(answer_ms: Sequence[int]) -> dict[str, int]:
    if not answer_ms:
        return {}
    ordered = sorted(answer_ms)
    return {
        "answered in ms, median": ordered[len(ordered) // 2],
        "… 99th percentile": ordered[len(ordered) * 99 // 100],
    }


def _conflicts(left: FinalState) -> int:
    links = (link for lead in left.leads.values() if (link := left.link(lead)))
    return sum(len(link["conflicts"]) + len(link["overwritten"]) for link in links)
