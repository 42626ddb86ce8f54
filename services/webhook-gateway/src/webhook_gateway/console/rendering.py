"""Turns templates into pages."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from starlette.responses import Response

from webhook_gateway.console import headers
from webhook_gateway.console.files import file_address
from webhook_gateway.console.navigation import SECTIONS
from webhook_gateway.console.visit import Visit, address

FOLDER = Path(__file__).parent / "templates"
THEMES = ("light", "dark")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {"file": file_address, "address": address, "sections": SECTIONS}
    environment.filters |= {"number": number, "ago": ago, "seconds": seconds, "iso": iso, "words": words}
    return environment


def render(visit: Visit, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """Answer with a page."""
    theme = visit.request.cookies.get("leadsync_theme", "")
    given = {
        "visit": visit,
        "nonce": visit.nonce,
        "person": visit.session.caller,
        "theme": theme if theme in THEMES else "",
        "zone": visit.zone,
        "now": datetime.now(UTC),
        "path": visit.request.url.path,
        **values,
    }
    text = _environment().get_template(template).render(given)
    return Response(text, status, headers.of_page(visit.nonce), "text/html; charset=utf-8")


def render_bare(template: str, nonce: str, theme: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """Answer with a page for somebody who has not signed in."""
    given = {"nonce": nonce, "theme": theme if theme in THEMES else "", **values}
    text = _environment().get_template(template).render(given)
    return Response(text, status, headers.of_page(nonce), "text/html; charset=utf-8")


def number(value: float | None) -> str:
    """Write a number with narrow spaces between thousands: 12 345."""
    if value is None:
        return "–"
    return f"{value:,}".replace(",", "\u202f")


def iso(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ago(moment: datetime, now: datetime) -> str:
    """Say how long ago a moment was, or in how much time it comes."""
    passed = (now - moment) // timedelta(seconds=1)
    return f"in {seconds(-passed)}" if passed < 0 else f"{seconds(passed)} ago"


def seconds(value: float) -> str:
    """Write a time span in its two largest units: 3 h 5 min."""
    left = round(value)
    parts = list[str]()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def words(name: str | None) -> str:
    """Write a name of the API as words: `from_crm` becomes `from crm`."""
    return (name or "").replace("_", " ")
