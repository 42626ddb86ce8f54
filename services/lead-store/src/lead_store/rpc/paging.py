"""Page sizes, in items and in bytes, and page tokens."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from google.protobuf.message import Message

from lead_store.domain.errors import Invalid

T = TypeVar("T")
M = TypeVar("M", bound=Message)

DEFAULT_PAGE = 50
LARGEST_PAGE = 200
LARGEST_PAGE_BYTES = 1024 * 1024  # then a page ends, with at least one item on it
LONGEST_TOKEN = 512
_EPOCH, _MILLISECOND = datetime.fromtimestamp(0, UTC), timedelta(milliseconds=1)
_PLACE = re.compile(r"([0-9]{1,13}) (.+)")


def page_limit(size: int, default: int = DEFAULT_PAGE, largest: int = LARGEST_PAGE) -> int:
    """Items on a page: 0 asks for the default, more than the most gets the most."""
    if size < 0:
        raise Invalid("page_size", "must not be negative")
    return min(size or default, largest)


def fill_page(
    items: Iterable[T], message: Callable[[T], M], key: Callable[[T], str], limit: int
) -> tuple[list[M], str]:
    """Make messages of items, until there are enough of them or they have enough bytes, and read no further.

    Answers them, and the key of the last item if there are more behind it.
    """
    page: list[M] = []
    size, last = 0, ""
    for item in items:
        if len(page) == limit or size >= LARGEST_PAGE_BYTES:
            return page, last
        page.append(message(item))
        size, last = size + page[-1].ByteSize(), key(item)
    return page, ""


def encode_token(after: str, *filters: str) -> str:
    """A token for what comes after `after`, good only for the same filters; empty if that is empty."""
    if not after:
        return ""
    return base64.urlsafe_b64encode(json.dumps([after, _digest(filters)]).encode()).decode()


def decode_token(token: str, *filters: str) -> str:
    """Where the page begins; Invalid if the token is not ours or was made with other filters."""
    if not token:
        return ""
    try:
        after, digest = json.loads(base64.urlsafe_b64decode(token[:LONGEST_TOKEN].encode()))
        after.encode()  # half of a surrogate pair is no text that a database takes
    except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise wrong_token() from error
    if digest != _digest(filters):
        raise wrong_token()
    return str(after)


def wrong_token() -> Invalid:
    """The error of a page token that is not ours."""
    return Invalid("page_token", "use the token of the page before, with the same filter", "page_token")


def encode_place(at: datetime, key: str) -> str:
    """Where a list in the order of time goes on: behind an item of this moment and key."""
    return f"{(at - _EPOCH) // _MILLISECOND} {key}"


def decode_place(after: str) -> tuple[datetime, str] | None:
    """Read such a place; None = from the start. Invalid if it is none."""
    if not after:
        return None
    found = _PLACE.fullmatch(after)
    if found is None:
        raise wrong_token()
    return _EPOCH + int(found[1]) * _MILLISECOND, found[2]


def _digest(filters: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(filters).encode()).hexdigest()[:16]
