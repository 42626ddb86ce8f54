"""The reasons of the API in the guide for troubleshooting."""

import re
from pathlib import Path

from webhook_gateway.http.api import OPERATIONS
from webhook_gateway.http.openapi import reasons_of

GUIDE = Path(__file__).resolve().parents[4] / "docs" / "troubleshooting.md"


def test_each_reason_of_the_api_is_in_the_guide() -> None:
    """Whatever reason an operation may give for an error, the guide explains it."""
    explained = set(re.findall(r"`([a-z_]+)`", GUIDE.read_text(encoding="utf-8")))
    given = {reason for item in OPERATIONS for reasons in reasons_of(item).values() for reason in reasons}
    assert "integration_required" in given
    assert given - explained == set()
