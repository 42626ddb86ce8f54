"""lead-store names no CRM: which ones there are, and what they can do, it knows from its targets alone."""

import re
from pathlib import Path

SERVICE = Path(__file__).parents[3] / "services" / "lead-store"
# zoho.com is also a domain where people have mailboxes.
NAMES = re.compile(r"hubspot|hubapi|salesforce|sfdc|zoho(?!\.com\b)", re.IGNORECASE)


def test_no_crm_is_named() -> None:
    """Neither code nor prose of lead-store names a CRM."""
    files = [path for path in SERVICE.rglob("*") if path.suffix in {".py", ".toml", ".md"}]

    named = [
        f"{path.relative_to(SERVICE)}:{number}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if NAMES.search(line)
    ]

    assert len(files) > 50
    assert named == []
