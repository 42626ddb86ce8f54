"""Each image installs what its code imports, and nothing has to be guessed."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MEMBERS = {
    "lead-store": "services/lead-store/src",
    "crm-connector": "services/crm-connector/src",
    "webhook-gateway": "services/webhook-gateway/src",
    "hubspot-simulator": "simulators/hubspot/src",
}
OWN = {"leadsync", "lead_store", "crm_connector", "webhook_gateway", "hubspot_simulator", "leadsync_cli"}


def imported(folder: Path) -> set[str]:
    """Top-level names of everything that is imported below a folder, without the standard library and our own."""
    names: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    return {name.partition(".")[0] for name in names} - OWN - set(sys.stdlib_module_names) - {"google"}


@pytest.mark.parametrize("member", MEMBERS)
def test_an_image_has_what_its_code_imports(member: str) -> None:
    """Every third-party package that a member imports is pinned in the requirements that its image installs."""
    text = (ROOT / f"requirements/{member}.txt").read_text(encoding="utf-8")
    pinned = {line.partition("==")[0].lower() for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)}
    owners = packages_distributions()
    missing = {
        name
        for name in imported(ROOT / MEMBERS[member])
        if not pinned & {owner.lower().replace("_", "-") for owner in owners.get(name, [name])}
    }
    assert missing == set()
