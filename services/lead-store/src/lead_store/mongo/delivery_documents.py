"""How a delivery is written down.

What is one value for each event is one text for all of them: nothing looks for it inside the database, which takes a
delivery of a hundred events in a fraction of the time if it need not look into them either.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import msgspec
import zstandard

from lead_store.domain.delivery import Delivery, KeptDelivery, Touch
from lead_store.domain.rules import Account
from lead_store.mongo.client import Document

LEVEL = 3  # of compression
_BETWEEN = "\n"  # ids; none has a line break in it
FILED = {"$split": ["$about", _BETWEEN]}  # what the database makes of them
_touches = msgspec.json.Decoder(tuple[Touch, ...])
_texts = msgspec.json.Decoder(tuple[str, ...])


def pack(values: Iterable[Any]) -> str:
    """Write down many values as one text."""
    return msgspec.json.encode(values).decode()


def unpack(text: str) -> tuple[str, ...]:
    """Read texts that were packed."""
    return _texts.decode(text)


def touches_of(document: Document) -> tuple[Touch, ...]:
    """Read what a delivery touches."""
    return _touches.decode(document["touches"])


def records_of(document: Document) -> set[str]:
    """All records that a delivery is about."""
    return set(document["about"].split(_BETWEEN))


def route_key(account: Account, at: datetime) -> str:
    """Where a delivery that was recorded at a moment stands in the queue of its account."""
    return f"{_queue(account)}{int(at.timestamp() * 1_000):015d}"


def routes_of(account: Account) -> dict[str, str]:
    """All of the queue of an account."""
    return {"$gte": _queue(account), "$lt": f"{_queue(account)}:"}  # the sign after the digits


def document_of(delivery: Delivery, now: datetime, expires_at: datetime, events: bytes) -> Document:
    """Write down a delivery that was recorded now, with its events compressed."""
    return {
        "_id": delivery.key,
        "provider": delivery.provider,
        "account_id": delivery.account_id,
        "events": events,
        "headers": dict(delivery.headers),
        "touches": pack(delivery.touches),
        "event_record_ids": pack(delivery.event_record_ids),
        "about": _BETWEEN.join(sorted(delivery.record_ids)),
        "event_count": delivery.event_count,
        "ignored_count": delivery.ignored_count,
        "received_at": delivery.received_at,
        "recorded_at": now,
        "route_key": route_key(delivery.account, now),
        "state": "new",
        "expires_at": expires_at,
    }


def delivery_of(document: Document) -> Delivery:
    """Read a delivery; without its events if they were not asked for."""
    return Delivery(
        key=document["_id"],
        provider=document["provider"],
        account_id=document["account_id"],
        events=zstandard.decompress(document["events"]) if "events" in document else b"",
        headers=document["headers"],
        touches=touches_of(document),
        event_count=document["event_count"],
        ignored_count=document["ignored_count"],
        received_at=document["received_at"],
        event_record_ids=unpack(document["event_record_ids"]),
    )


def kept_of(document: Document) -> KeptDelivery:
    """Read a delivery and what became of it."""
    return KeptDelivery(delivery_of(document), document["state"], document["reason"], document["integration_id"])


@lru_cache(maxsize=1024)
def _queue(account: Account) -> str:
    return f"{quote(account.provider, safe='')}/{quote(account.account_id, safe='')}/"
