"""No pattern of the product takes more than linear time, whatever text a person or a stranger puts before it."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hostile import hostile_texts, is_slow

ROOT = Path(__file__).parents[2]
OPERATORS = {"settings.py", "environment.py"}  # their patterns read what an operator sets
SOURCES = sorted(path for path in ROOT.glob("services/*/src/**/*.py") if path.name not in OPERATORS)
CALLS = ("match", "fullmatch", "search", "sub", "split", "findall", "finditer")


@dataclass(frozen=True)
class Use:
    """A pattern and the call that it is used by."""

    place: str
    pattern: re.Pattern[Any]
    call: str

    def on(self, text: str) -> Callable[[], object]:
        """The same call on a text."""
        subject = text.encode() if isinstance(self.pattern.pattern, bytes) else text
        arguments = ("", subject) if self.call == "sub" else (subject,)
        return lambda: getattr(self.pattern, self.call)(*arguments)


def _compiled(call: ast.Call) -> re.Pattern[Any] | None:
    """The pattern of `re.<call>(...)` if it stands there as a constant."""
    text = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
    flags = [node for node in ast.walk(call) if isinstance(node, ast.Attribute) and node.attr.isupper()]
    return _pattern(text, sum(getattr(re, node.attr) for node in flags))


def _pattern(text: object, flags: int = 0) -> re.Pattern[Any] | None:
    if isinstance(text, str):
        return re.compile(text, flags)
    return re.compile(text, flags) if isinstance(text, bytes) else None


def _is_re(call: ast.Call, *names: str) -> bool:
    function = call.func
    owner = function.value if isinstance(function, ast.Attribute) else None
    return isinstance(owner, ast.Name) and owner.id == "re" and ast.unparse(function).removeprefix("re.") in names


def _uses(path: Path) -> Iterator[tuple[str, Use | None]]:
    """Every use of a pattern in a file; None where the pattern is made at run time."""
    tree = ast.parse(path.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in calls:
        place = f"{path.relative_to(ROOT)}:{call.lineno}"
        if _is_re(call, "compile"):
            continue
        if _is_re(call, *CALLS):
            found = _compiled(call)
            yield place, found and Use(place, found, ast.unparse(call.func).removeprefix("re."))
        for keyword in call.keywords:
            if keyword.arg == "pattern" and isinstance(keyword.value, ast.Constant):  # msgspec searches
                found = _pattern(keyword.value.value)
                yield place, found and Use(place, found, "search")
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _is_re(node.value, "compile"):
            name, place = ast.unparse(node.targets[0]), f"{path.relative_to(ROOT)}:{node.lineno}"
            found = _compiled(node.value)
            called = {ast.unparse(call.func).removeprefix(f"{name}.") for call in calls} & set(CALLS)
            for used in called or CALLS:
                yield place, found and Use(place, found, used)


FOUND = [found for path in SOURCES for found in _uses(path)]
USES = [use for _, use in FOUND if use]


def test_every_pattern_stands_in_the_code() -> None:
    """A pattern that is made at run time cannot be checked here."""
    assert [place for place, use in FOUND if use is None] == []


def test_each_compiled_pattern_is_found() -> None:
    """The search for patterns misses none."""
    compiled = sum(path.read_text().count("re.compile(") for path in SOURCES)
    assert compiled == len({use.place for use in USES if use.place in _compile_places()})


def _compile_places() -> set[str]:
    return {
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if "re.compile(" in line
    }


@pytest.mark.parametrize("use", USES, ids=lambda use: f"{use.place} {use.call}")
def test_no_text_makes_a_pattern_slow(use: Use) -> None:
    """64 KiB of anything cost a pattern a few plain loops over them."""
    slow = next((text for text in hostile_texts() if is_slow(use.on(text))), "")
    assert slow[:40] == ""
