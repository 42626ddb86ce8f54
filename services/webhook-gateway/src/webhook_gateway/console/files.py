"""The console's own files: styles, scripts and the libraries that it brings along.

Their addresses carry a part of their hash, so a browser may keep each for ever.
"""

import hashlib
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from webhook_gateway.console import headers
from webhook_gateway.problem import Problem

FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@cache
def _files() -> dict[str, tuple[str, bytes]]:
    """All files by name, each with the hash that its address carries."""
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in _TYPES:
            content = path.read_bytes()
            found[path.relative_to(FOLDER).as_posix()] = hashlib.sha256(content).hexdigest()[:12], content
    return found


def file_address(name: str) -> str:
    """Give the address of a file, such as `console.css`."""
    return f"/ui/files/{_files()[name][0]}/{name}"


async def answer_file(request: Request) -> Response:
    """Answer with a file. Raises Problem 404."""
    found = _files().get(request.path_params["name"])
    if found is None or found[0] != request.path_params["hash"]:
        raise Problem(404, "file_not_found", "there is no such file")
    kind = _TYPES[Path(request.path_params["name"]).suffix]
    return Response(found[1], headers=headers.of_file(), media_type=kind)
