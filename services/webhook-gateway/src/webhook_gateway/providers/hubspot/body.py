"""Reading a body as a JSON array of objects, even if some of its texts are broken. Pure."""

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from webhook_gateway.problem import Problem

T = TypeVar("T")

MAX_EVENTS = 1000  # of a request; HubSpot sends at most 100


def read_events(body: bytes, decode: Callable[[bytes], Sequence[T]]) -> tuple[Sequence[T], bytes]:
    """Read a body. Answers its events and the text that was read: the body, unless it had to be repaired.

    `decode` is of a type that accepts any object. Raises Problem 400 if there are no events or too many.
    """
    try:
        if not body.isascii():
            body.decode()  # the decoder checks only the texts that it reads
        events = decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        body = _repaired(body)
        events = _decoded(body, decode)
    if not events:
        raise Problem(400, "not_an_event_array", "the body has no events")
    if len(events) > MAX_EVENTS:
        raise Problem(400, "not_an_event_array", f"the body has more than {MAX_EVENTS} events")
    return events, body


def _decoded(text: bytes, decode: Callable[[bytes], Sequence[T]]) -> Sequence[T]:
    try:
        return decode(text)
    except msgspec.ValidationError as error:
        raise Problem(400, "not_an_event_array", "the body is not a JSON array of event objects") from error


def _repaired(body: bytes) -> bytes:
    """Replace what JSON can hold and a text cannot, such as half of an emoji where a value was cut off."""
    try:
        text = json.dumps(json.loads(body.decode()), ensure_ascii=False).encode(errors="replace")
        msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Problem(400, "malformed_json", "the body is not JSON in UTF-8") from error
    return text
