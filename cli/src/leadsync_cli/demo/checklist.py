"""A list of checks, each passed or failed, with the seconds that it took."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from rich.console import Console

from leadsync_cli.errors import CommandError
from leadsync_cli.terminal import shown
from leadsync_cli.waiting import wait_for

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Check:
    """One claim and its result."""

    scenario: str
    claim: str
    passed: bool
    seconds: float


class Checklist:
    """Collects checks, showing each as it is made unless `quiet`."""

    def __init__(self, *, quiet: bool) -> None:
        self.checks: list[Check] = []
        self._scenario = ""
        self._console = Console(quiet=quiet, highlight=False)

    @property
    def passed(self) -> bool:
        """True if there are checks and all passed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def scenario(self, title: str) -> None:
        """Begin a scenario."""
        self._scenario = title
        self._console.print(f"\n[bold]{title}[/bold]")

    def check(self, claim: str, condition: Callable[[], Found], within: float = 0.0) -> Found | None:
        """Wait `within` seconds for the condition, record and show the result, and return what the condition found.

        Returns None if it found nothing. If the gateway refuses a call, the check fails and the refusal is shown.
        """
        refused = ""
        try:
            found, seconds = wait_for(condition, within)
        except CommandError as error:
            found, seconds, refused = None, 0.0, shown(f"  ({error.reason}: {error.detail})")
        passed = bool(found)
        self.checks.append(Check(self._scenario, claim, passed, round(seconds, 3)))
        mark = "[green]✓[/green]" if passed else "[red]✗[/red]"
        limit = f" (waited {within:g} s)" if within and not passed else ""
        self._console.print(f"  {mark} {claim}{limit}[dim]  {seconds:.2f} s[/dim]", soft_wrap=True)
        if refused:
            self._console.print(refused, markup=False, style="red")
        return found or None

    def summary(self) -> None:
        """Show how many checks passed."""
        passed = sum(check.passed for check in self.checks)
        style = "green" if self.passed else "red"
        self._console.print(f"\n[{style}]{passed} of {len(self.checks)} checks passed[/{style}]")

    def as_json(self) -> dict[str, Any]:
        """Return the results for programs."""
        return {"passed": self.passed, "checks": [asdict(check) for check in self.checks]}
