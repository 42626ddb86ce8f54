"""A CRM is named in its own folder and in the registry, and nowhere else in the service."""

import re
from pathlib import Path

SERVICE = Path(__file__).resolve().parents[3] / "services" / "crm-connector"
PROVIDERS = SERVICE / "src" / "crm_connector" / "providers"
NAMES = re.compile("hubspot|hubapi|salesforce|sfdc|zoho", re.IGNORECASE)


def test_nothing_else_names_a_crm() -> None:
    """Neither code nor prose: whoever adds a CRM adds a folder and a line of the registry."""
    folders = [path for path in PROVIDERS.iterdir() if path.is_dir() and (path / "__init__.py").exists()]
    searched = [
        path
        for path in SERVICE.rglob("*")
        if path.suffix in {".py", ".toml", ".md"}
        and path != PROVIDERS / "registry.py"
        and not any(path.is_relative_to(folder) for folder in folders)
    ]

    named = [str(path.relative_to(SERVICE)) for path in searched if NAMES.search(path.read_text(encoding="utf-8"))]

    assert folders
    assert len(searched) > 40
    assert named == []


def test_a_crm_names_no_other_crm() -> None:
    """Each folder stands alone."""
    for folder in (path for path in PROVIDERS.iterdir() if (path / "__init__.py").exists()):
        text = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
        found = {match.lower() for match in NAMES.findall(text)} - {"hubapi"}
        assert found <= {folder.name}
