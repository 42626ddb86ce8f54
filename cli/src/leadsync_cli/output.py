"""Printing results: JSON for programs, tables for people."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from leadsync_cli.errors import CommandError
from leadsync_cli.terminal import json_text, shown, shown_lines

PIPE_WIDTH = 200  # characters; a pipe has no width, so a table may need more
PROSE_WIDTH = 40  # characters of a column of sentences in a pipe
LONGEST_ID = 128  # characters
GAP = 2  # characters between the columns of a table
_FRACTION = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+Z$")


def print_json(value: Any) -> None:
    """Print a JSON value, indented, on stdout."""
    sys.stdout.write(json_text(value, indent=2) + "\n")


def show(value: dict[str, Any], *, json: bool) -> None:
    """Print an object: as JSON for programs, as facts for people."""
    (print_json if json else print_facts)(value)


def show_with_rows(value: dict[str, Any], tables: Mapping[str, Sequence[tuple[str, str]]], *, json: bool) -> None:
    """Print an object with lists. For people, each list is a table below the facts, left out if it is empty.

    `tables`: name of a list → its columns.
    """
    if json:
        print_json(value)
        return
    print_facts({name: fact for name, fact in value.items() if name not in tables})
    for name, columns in tables.items():
        if value.get(name):
            sys.stdout.write("\n")
            print_rows(value[name], columns, "")


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
        sys.stdout.write("\n" if sys.stdout.isatty() else "")
        print_facts({"next page": f"--page-token {page['nextPageToken']}"})


def print_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[tuple[str, str]], empty: str) -> None:
    """Print rows as a table of (heading, dotted path) columns, or `empty` if there are none.

    On a terminal that is too narrow for the table, each row is a block of `heading  value` lines. In a pipe the table
    is as wide as its ids need, since they are for copying: only sentences and long values are broken.
    """
    headings = [heading for heading, _ in columns]
    lines = [[short_time(text_of(look_up(row, path))) for _, path in columns] for row in rows]
    cells = [[line[place] for line in lines] for place in range(len(columns))]
    widest = [max(map(len, [heading, *column])) for heading, column in zip(headings, cells, strict=True)]
    whole = [_is_whole(column) for column in cells]
    gaps = GAP * (len(columns) - 1)
    needed = sum(width if keep else PROSE_WIDTH for width, keep in zip(widest, whole, strict=True)) + gaps
    console = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else max(PIPE_WIDTH, needed))
    if lines and sys.stdout.isatty() and sum(widest) + gaps > console.width:
        for number, line in enumerate(lines):
            sys.stdout.write("\n" if number else "")
            print_facts({heading: cell for heading, cell in zip(headings, line, strict=True) if cell})
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, keep in zip(headings, whole, strict=True):
        table.add_column(heading, overflow="fold", no_wrap=keep)
    for line in lines:
        table.add_row(*line)
    console.print(table if lines else empty, markup=False)


def _is_whole(column: Iterable[str]) -> bool:
    """Whether a column holds ids, names, numbers or times, none of which may be broken."""
    return all(" " not in cell and len(cell) <= LONGEST_ID for cell in column)


def print_facts(facts: Mapping[str, Any], indent: str = "") -> None:
    """Print an object as one `name  value` line each, inner objects indented below their name."""
    width = max((len(shown(name)) for name in facts), default=0)
    for name, value in facts.items():
        inner = value if isinstance(value, list) else [value]
        if value and all(isinstance(item, dict) for item in inner):
            sys.stdout.write(f"{indent}{shown(name)}\n")
            for number, item in enumerate(inner):
                sys.stdout.write("\n" if number else "")
                print_facts(item, indent + "  ")
        else:
            sys.stdout.write(f"{indent}{shown(name):<{width}}  {text_of(value)}\n")


def print_error(error: CommandError, *, as_json: bool) -> None:
    """Print an error on stderr: `reason: detail` and a hint, or the same as JSON."""
    if as_json:
        body = {"reason": error.reason, "detail": error.detail} | ({"hint": error.hint} if error.hint else {})
        sys.stderr.write(json_text(body) + "\n")
    else:
        first, *more = [*(error.detail.split("\n") or [""]), *filter(None, error.hint.split("\n"))]
        text = "\n".join([f"leadsync: {error.reason}: {first}", *(f"  {line}" for line in more)])
        sys.stderr.write(shown_lines(text) + "\n")


def look_up(row: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path, None where a part is missing."""
    value: Any = row
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def text_of(value: Any) -> str:
    """Return a value as text for people: empty for None, yes or no, lists with commas; control characters are shown."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and not any(isinstance(item, dict) for item in value):
        return shown(", ".join(str(item) for item in value))
    return shown(json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value))


def short_time(text: str) -> str:
    """Return a UTC time without its fraction of a second; any other text unchanged."""
    return _FRACTION.sub(r"\1Z", text)


def quoted(value: Any) -> str:
    """Return a value in quotes, or the word blank."""
    return f'"{text_of(value)}"' if value not in (None, "", []) else "blank"
