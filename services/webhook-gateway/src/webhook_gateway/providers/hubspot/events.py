"""From the events of a kept delivery to what is shown to people. Pure."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from webhook_gateway.problem import Problem
from webhook_gateway.providers.base import CrmEvent
from webhook_gateway.providers.hubspot.body import read_events
from webhook_gateway.providers.hubspot.event import Event, WholeEvent

_decode_whole = msgspec.json.Decoder(list[WholeEvent]).decode
_decode_any = msgspec.json.Decoder(list[Event]).decode


def show(events: bytes, most: int | None = None) -> list[CrmEvent]:
    """Translate the events of a kept delivery for people, `most` of them at most. Unreadable ones give nothing."""
    decoders: tuple[Callable[[bytes], Sequence[Event]], ...] = (_decode_whole, _decode_any)
    for decode in decoders:  # the second one reads no properties and values, one of which may be too large a number
        with suppress(Problem):
            return [event.shown() for event in read_events(events, decode)[0][:most]]
    return []
