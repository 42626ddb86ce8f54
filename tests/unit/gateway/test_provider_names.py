"""No name of a CRM stands outside its own folder and the registry."""

import re
from pathlib import Path

SERVICE = Path(__file__).parents[3] / "services" / "webhook-gateway"
PROVIDERS = SERVICE / "src" / "webhook_gateway" / "providers"
NAMES = re.compile("hubspot|salesforce|zoho", re.IGNORECASE)


def _may_name(path: Path) -> bool:
    return path == PROVIDERS / "registry.py" or any(folder.parent == PROVIDERS for folder in path.parents)


def test_a_crm_is_named_in_its_folder_only() -> None:
    """Neither code nor prose of the gateway names a CRM, but for the folders of the CRMs and the registry."""
    files = [path for path in SERVICE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert len(files) > 50
    named = [
        f"{path.relative_to(SERVICE)}:{number}"
        for path in files
        if not _may_name(path)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if NAMES.search(line)
    ]
    assert named == []
