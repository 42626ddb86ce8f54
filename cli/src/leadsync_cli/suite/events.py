"""What the supervisor reports, as a line for people or as a line of JSON."""

import errno
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from leadsync_cli.terminal import shown_lines

Fact = str | int | float | None
_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a component, or to the whole suite (`component` is empty then)."""

    name: str
    component: str
    facts: dict[str, Fact]


class Reporter:
    """Writes events as they happen, and continues if nobody reads them any more."""

    def __init__(self, render: Callable[[Event], str], out: TextIO | None = None) -> None:
        self._render = render
        self._out = out or sys.stdout

    def report(self, name: str, component: str = "", **facts: Fact) -> None:
        """Write one event; events without a line in the rendering are left out."""
        text = self._render(Event(name, component, facts))
        if not text:
            return
        try:
            self._out.write(text + "\n")
            self._out.flush()
        except OSError as error:
            if error.errno in _FULL:
                return  # the line is lost; later ones may be written again
            # The pipe's other end or the terminal is closed.
            self._render = _nothing
            with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 (what is still buffered goes there)
                os.dup2(nowhere.fileno(), self._out.fileno())


def as_json(event: Event) -> str:
    """Render an event as one line of JSON."""
    return json.dumps({"event": event.name, "component": event.component, **event.facts})


def as_text(event: Event) -> str:
    """Render an event as a line for people."""
    render = _LINES.get(event.name)
    return shown_lines(render(event)) if render else ""


def _nothing(_event: Event) -> str:
    return ""


def _ready(event: Event) -> str:
    facts = event.facts
    return f"  ✓ {event.component:<16} {facts['address']!s:<34} {facts['seconds']:5.1f} s"


def _integration(event: Event) -> str:
    facts = event.facts
    if facts.get("reason"):
        return f"  ! {'integration':<16} not connected: {facts['reason']}: {facts['detail']}"
    account = f"{facts['crm']} account {facts['account']}"
    return f"  ✓ {'integration':<16} {account:<34} {facts['seconds']:5.1f} s"


def _up(event: Event) -> str:
    facts = event.facts
    address, token = facts["url"], facts["token_file"]
    lines = [
        "",
        f"  Console     {facts['console']}",
        "              (works once, within a minute; later: leadsync console)",
        f"  API         {address}/api/v1",
        f"  Simulator   {facts['simulator']}" if facts.get("simulator") else "",
        f"  Token       {token}",
        f"  Logs        {facts['logs']}",
        f'  Try         curl -H "Authorization: Bearer $(cat {token})" {address}/api/v1/leads',
        "",
        "  Everything is running. Ctrl-C stops it.",
    ]
    if facts.get("hint"):
        lines.append(f"  ! {facts['hint']}")
    return "\n".join(line for number, line in enumerate(lines) if line or number in {0, 8})


def _disk_low(event: Event) -> str:
    free, wanted, folder = (event.facts[name] for name in ("free_mb", "wanted_mb", "folder"))
    return f"  ! {'disk':<16} only {free} MB are free on {folder}: nothing new is taken until there are {wanted} MB"


_LINES: dict[str, Callable[[Event], str]] = {
    "starting": lambda e: f"leadsync: data directory {e.facts['data_dir']}",
    "ready": _ready,
    "integration": _integration,
    "up": _up,
    "waiting": lambda e: f"  ! {e.component:<16} answers but is not ready yet; its log says why: {e.facts['log']}",
    "disk_low": _disk_low,
    "disk_ok": lambda e: f"  ✓ {'disk':<16} {e.facts['free_mb']} MB are free again",
    "silent": lambda e: f"  ! {e.component:<16} did not answer {e.facts['times']} times in a row and is killed",
    "exited": lambda e: f"  ✗ {e.component:<16} {e.facts['detail']}; starts again in {e.facts['delay']} s",
    "failed": lambda e: f"  ✗ {e.component:<16} {e.facts['detail']}\n{e.facts['log_tail']}",
    "stopping": lambda _: "\nleadsync: stopping",
    "killed": lambda e: f"  ! {e.component:<16} did not stop in time and was killed",
    "stopped": lambda _: "leadsync: stopped",
}
