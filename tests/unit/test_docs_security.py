"""The tests that the page on security names exist, and SECURITY.md invents no way to reach us."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "security.md"
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def test_each_test_that_is_named_exists() -> None:
    """Whoever renames or removes a test of a threat has to look at the page."""
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    missing = [f"{path}::{name}" for path, name in named if not _has(ROOT / "tests" / path, name)]

    assert len(named) >= 40
    assert missing == []


def test_each_threat_names_a_test() -> None:
    """A row without a test would be a promise that nobody keeps."""
    (table,) = re.findall(r"^\| threat \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    rows = table.splitlines()

    assert len(rows) >= 17
    assert [row for row in rows if not NAMED.search(row)] == []


def test_reports_go_nowhere_that_is_not_ours() -> None:
    """There is neither a made-up e-mail address nor a made-up web address."""
    assert re.findall(r"\S+@\S+|https?://\S+", (ROOT / "SECURITY.md").read_text(encoding="utf-8")) == []


def _has(path: Path, name: str) -> bool:
    return path.is_file() and f"def {name}(" in path.read_text(encoding="utf-8")
