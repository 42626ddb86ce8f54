"""Reading a webhook's body as a JSON array of objects, in whatever state its texts are. Pure."""

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from webhook_gateway.providers.base import UnreadableBodyError

T = TypeVar("T")


def read_events(body: bytes, decode: Callable[[bytes], Sequence[T]], most: int) -> tuple[Sequence[T], bytes]:
    """Read a body, and give the text that was read: the body, unless it had to be mended.

    `decode` is of a type that takes any object. Raises UnreadableBodyError.
    """
    try:
        if not body.isascii():
            body.decode()  # what is not looked at has to be text as well
        events = decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        body = _mended(body)
        events = _decoded(body, decode)
    if not events:
        raise UnreadableBodyError("not_an_event_array", "the body has no events")
    if len(events) > most:
        raise UnreadableBodyError("not_an_event_array", f"the body has more than {most} events")
    return events, body


def _decoded(text: bytes, decode: Callable[[bytes], Sequence[T]]) -> Sequence[T]:
    try:
        return decode(text)
    except msgspec.ValidationError as error:
        raise UnreadableBodyError("not_an_event_array", "the body is not a JSON array of event objects") from error


def _mended(body: bytes) -> bytes:
    """Replace what is JSON but no text, such as half of an emoji where a value was cut."""
    try:
        text = json.dumps(json.loads(body.decode()), ensure_ascii=False).encode(errors="replace")
        msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadableBodyError("malformed_json", "the body is not JSON in UTF-8") from error
    return text
