"""Measured figures beside their targets. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table. `good` is None where there is no target."""

    what: str
    value: str
    target: str = ""
    good: bool | None = None
    remark: str = ""

    @property
    def result(self) -> str:
        """Met, missed, or empty where there is no target."""
        return {None: "", True: "met", False: "**missed**"}[self.good]


@dataclass(frozen=True, slots=True)
class Group:
    """Figures that were measured together, and how."""

    title: str
    how: str
    figures: tuple[Figure, ...]


def at_least(what: str, value: float, wanted: float, unit: str, remark: str = "") -> Figure:
    """A figure that should be large."""
    return Figure(what, f"{_number(value)} {unit}", f"≥ {_number(wanted)}", value >= wanted, remark)


def at_most(what: str, value: float, wanted: float, unit: str, remark: str = "") -> Figure:
    """A figure that should be small."""
    return Figure(what, f"{_number(value)} {unit}", f"≤ {_number(wanted)}", value <= wanted, remark)


def plain(what: str, value: float, unit: str, remark: str = "") -> Figure:
    """A figure without a target."""
    return Figure(what, f"{_number(value)} {unit}", remark=remark)


def _number(value: float) -> str:
    if value != value:  # noqa: PLR0124 (not a number)
        return "none"
    if value >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


BENCHMARKS = (
    "# Benchmarks",
    "",
    "Written by `make bench` from one run; no figure is typed by hand. `make bench` repeats it, `make bench-full`",
    "with a million leads. A target is a budget that the design sets.",
)


def page(
    groups: Sequence[Group],
    facts: Sequence[tuple[str, str]],
    caveats: Sequence[str],
    begin: Sequence[str] = BENCHMARKS,
    more: Sequence[str] = (),
) -> str:
    """The whole of docs/benchmarks.md, or of another page that begins otherwise."""
    lines = [
        *begin,
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in facts),
    ]
    for group in groups:
        lines += ["", f"## {group.title}", "", group.how, "", "| | measured | target | | |", "|---|---:|---:|---|---|"]
        lines += [f"| {f.what} | {f.value} | {f.target} | {f.result} | {f.remark} |" for f in group.figures]
    lines += ["", *more] if more else [""]
    return "\n".join([*lines, "## What these figures do not show", "", *(f"* {one}" for one in caveats), ""])
