"""Reasons in plain words."""

import re
from pathlib import Path

import pytest
from lead_store.domain.reasons import ADVICE, UNLISTED, advice

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "troubleshooting.md"


@pytest.mark.parametrize("chapter", ["Work that waits", "Work that has failed", "Ignored on purpose"])
def test_each_reason_of_the_guide_is_explained_where_the_work_is_listed(chapter: str) -> None:
    """Whatever the guide knows about work, the list of work says too."""
    text = GUIDE.read_text(encoding="utf-8").split(f"### {chapter}")[1].split("\n##")[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    reasons = {reason for row in rows for reason in re.findall(r"`([a-z_]+)`", row)}
    assert reasons
    of_deliveries = {"webhooks_disabled", "unknown_account"}
    assert {reason for reason in reasons - of_deliveries if reason not in ADVICE} == set()


def test_each_reason_of_work_is_in_the_guide() -> None:
    """Whatever the list of work says, the guide explains."""
    explained = set(re.findall(r"`([a-z_]+)`", GUIDE.read_text(encoding="utf-8")))
    assert set(ADVICE) - explained == set()


def test_an_unknown_reason_says_so() -> None:
    """A reason of another version differs from none, and lead-store's refusals from both."""
    assert advice("what_is_this") is UNLISTED
    assert advice("").cause == ""
    assert "refuses" in advice("lead_store_invalid_argument").cause
