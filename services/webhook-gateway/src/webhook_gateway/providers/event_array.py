"""Reading a webhook's body as a JSON array of objects, in whatever state its texts are. Pure."""

import json
from typing import Any

import msgspec

from webhook_gateway.providers.base import UnreadableBodyError


def read_events(body: bytes, most: int) -> tuple[list[dict[str, Any]], bytes]:
    """Read a body, and give the text that was read: the body, unless it had to be mended.

    Raises UnreadableBodyError.
    """
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        body = _mended(body)
        raw = msgspec.json.decode(body)
    if not isinstance(raw, list) or set(map(type, raw)) != {dict}:
        raise UnreadableBodyError("not_an_event_array", "the body is not a JSON array of event objects")
    if len(raw) > most:
        raise UnreadableBodyError("not_an_event_array", f"the body has more than {most} events")
    return raw, body


def _mended(body: bytes) -> bytes:
    """Replace what is JSON but no text, such as half of an emoji where a value was cut."""
    try:
        text = json.dumps(json.loads(body.decode()), ensure_ascii=False).encode(errors="replace")
        msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadableBodyError("malformed_json", "the body is not JSON in UTF-8") from error
    return text
