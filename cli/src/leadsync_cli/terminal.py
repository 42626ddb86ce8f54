"""Foreign text on a terminal: what would move its cursor, colour it or turn its direction is shown, never sent."""

import json
import re
from typing import Any

# Control characters, line separators, what changes the direction of text, and halves of characters.
_CONTROLS = "\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff"
_IN_TEXT = re.compile(f"[\\x00-\\x1f{_CONTROLS}]")
_IN_JSON = re.compile(f"[{_CONTROLS}]")  # JSON itself escapes the others


def shown(text: str) -> str:
    r"""Return a text in one line: each control character as its escape, such as \x1b or \n."""
    return _IN_TEXT.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def shown_lines(text: str) -> str:
    """Return a text of ours whose lines hold foreign text: all but the line breaks as `shown` does."""
    return "\n".join(map(shown, text.split("\n")))


def json_text(value: Any, indent: int | None = None) -> str:
    """Return JSON that means the same to programs, with every control character escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
