"""The links of README and docs lead to files, headings and functions that exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOUR = ROOT / "docs" / "architecture.md"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "simulators").glob("*/README.md")),
]
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
IN_FILE = re.compile(r"`(\w+)` in \[`[^\]]+`\]\(([^)\s]+)\)")


def links_of(page: Path) -> Iterator[tuple[Path, str]]:
    """Yield file and anchor of each link that leads into this repository."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    """Every relative link leads to a file or folder, and its anchor to a heading."""
    missing = [str(path.relative_to(ROOT)) for path, _ in links_of(page) if not path.exists()]
    unknown = [f"{path.name}#{anchor}" for path, anchor in links_of(page) if anchor and anchor not in anchors_of(path)]

    assert (missing, unknown) == ([], [])


def test_the_tour_names_functions_that_exist() -> None:
    """Each "`name` in file" of the tour names a function, a class or a constant of that file."""
    found = IN_FILE.findall(TOUR.read_text(encoding="utf-8"))
    defined = r"^\s*(?:async )?(?:def|class) {0}\b|^{0}\b.* = "
    wrong = [
        f"{name} in {target}"
        for name, target in found
        if not re.search(defined.format(name), (TOUR.parent / target).read_text(encoding="utf-8"), re.MULTILINE)
    ]

    assert len(found) >= 20
    assert wrong == []
