"""Printing results: JSON for programs, tables for people."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from leadsync_cli.errors import CommandError

PIPE_WIDTH = 200  # characters; a pipe has no width


def print_json(value: Any) -> None:
    """Print a JSON value, indented, on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def show(value: dict[str, Any], *, json: bool) -> None:
    """Print an object: as JSON for programs, as facts for people."""
    (print_json if json else print_facts)(value)


def show_with_rows(value: dict[str, Any], items: str, columns: Sequence[tuple[str, str]], *, json: bool) -> None:
    """Print an object with a list. For people, the list is a separate table, left out if it is empty."""
    if json:
        print_json(value)
        return
    print_facts({name: fact for name, fact in value.items() if name != items})
    if value.get(items):
        print_rows(value[items], columns, "")


def show_page(page: dict[str, Any], items: str, columns: Sequence[tuple[str, str]], empty: str, *, json: bool) -> None:
    """Print one page of a list; for people, also say how to get the next page."""
    if json:
        print_json(page)
        return
    print_rows(page[items], columns, empty)
    print_next_page(page)


def print_next_page(page: Mapping[str, Any]) -> None:
    """Say how to get the next page, if there is one."""
    if page.get("nextPageToken"):
        print_facts({"next page": f"--page-token {page['nextPageToken']}"})


def print_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[tuple[str, str]], empty: str) -> None:
    """Print rows as a table of (heading, dotted path) columns, or `empty` if there are none."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, _ in columns:
        table.add_column(heading, overflow="fold", no_wrap=heading == "ID")  # ids are for copying
    for row in rows:
        table.add_row(*(text_of(look_up(row, path)) for _, path in columns))
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    Console(highlight=False, width=width).print(table if table.rows else empty, markup=False)


def print_facts(facts: Mapping[str, Any], indent: str = "") -> None:
    """Print an object as one `name  value` line each, inner objects indented below their name."""
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        if isinstance(value, dict) and value:
            sys.stdout.write(f"{indent}{name}\n")
            print_facts(value, indent + "  ")
        else:
            sys.stdout.write(f"{indent}{name:<{width}}  {text_of(value)}\n")


def print_error(error: CommandError, *, as_json: bool) -> None:
    """Print an error on stderr: `reason: detail` and a hint, or the same as JSON."""
    if as_json:
        body = {"reason": error.reason, "detail": error.detail} | ({"hint": error.hint} if error.hint else {})
        sys.stderr.write(json.dumps(body, ensure_ascii=False) + "\n")
    else:
        first, *more = [*(error.detail.splitlines() or [""]), *error.hint.splitlines()]
        sys.stderr.write("\n".join([f"leadsync: {error.reason}: {first}", *(f"  {line}" for line in more)]) + "\n")


def look_up(row: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path, None where a part is missing."""
    value: Any = row
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def text_of(value: Any) -> str:
    """Return a value as text for people: empty for None, yes or no, lists with commas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and not any(isinstance(item, dict) for item in value):
        return ", ".join(str(item) for item in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def quoted(value: Any) -> str:
    """Return a value in quotes, or the word blank."""
    return f'"{value}"' if value not in {None, ""} else "blank"
