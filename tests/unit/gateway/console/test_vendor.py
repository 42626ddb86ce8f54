"""The libraries that the console brings along are those of the lock file."""

import base64
import hashlib
import json
from typing import Any

from webhook_gateway.console.files import FOLDER

VENDOR = FOLDER / "vendor"
LOCK: list[dict[str, Any]] = json.loads((VENDOR / "vendor.lock.json").read_text(encoding="utf-8"))


def test_every_file_is_as_it_was_published() -> None:
    """Each has the sha512 of the lock file, and a licence stands beside it; nothing else is there."""
    locked = {name: about["sha512"] for package in LOCK for name, about in package["files"].items()}
    found = {path.name for path in VENDOR.iterdir()} - {"vendor.lock.json"}
    assert found == locked.keys()
    for name, digest in locked.items():
        actual = base64.b64encode(hashlib.sha512((VENDOR / name).read_bytes()).digest()).decode()
        assert f"sha512-{actual}" == digest, name
    for package in LOCK:
        assert any(name.endswith(".LICENSE") for name in package["files"])
        assert package["licence"] in {"0BSD", "MIT"}
