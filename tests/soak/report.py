"""The table at the end of a run. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from soak.audit import Finding
from soak.evidence import Evidence

MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Story:
    """What a run did."""

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
    quiet_after: float | None  # seconds; None = never


def table(story: Story, evidence: Evidence, findings: Sequence[Finding]) -> str:
    """Write the table."""
    laws = Counter(finding.law for finding in findings)
    calls, writes = evidence.calls, evidence.calls["writes"]
    failed = Counter(work_item["reason"] for work_item in evidence.work_items.values() if work_item.get("failed_at"))
    parts = [
        ("done", story.done),
        ("killed with SIGKILL", story.killed),
        ("ended by themselves", story.exits),
        ("disturbed", {**story.faults, "connections cut": story.connections_cut}),
        ("webhooks", {**story.deliveries, "acknowledged": story.acknowledged, **_ages(story.answer_ms)}),
        ("HubSpot calls", {"total": calls["total"], **{f"status {s}": n for s, n in calls["statuses"].items()}}),
        ("HubSpot writes", {"effective": writes["total"], "without effect": writes["without_effect"]}),
        ("left", {"leads": len(evidence.leads), "contacts": len(evidence.contacts), "work_items":
        len(evidence.work_items)}),
        ("for people", {"conflicts": _conflicts(evidence), **{f"failed: {why}": n for why, n in failed.items()}}),
        ("decision", {
            "lost": laws["L2"] + laws["L10"], "duplicates": laws["L6"], "unequal": laws["L1"],
            "other": len(findings) - sum(laws[law] for law in ("L1", "L2", "L6", "L10")),
        }),
    ]  # fmt: skip
    quiet = f"{story.quiet_after:.0f} s" if story.quiet_after is not None else "never"
    return "\n".join(
        [
            f"\nsoak: seed {story.seed}, {story.seconds:g} s of faults, quiet {quiet} after them",
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


def _conflicts(evidence: Evidence) -> int:
    links = (link for lead in evidence.leads.values() if (link := evidence.link(lead)))
    return sum(len(link["conflicts"]) + len(link["overwritten"]) for link in links)
