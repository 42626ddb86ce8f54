import base64
import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given
from hypothesis import strategies as st
from lead_store.domain.errors import Invalid
from lead_store.rpc.paging import (
    LARGEST_PAGE_BYTES,
    decode_place,
    decode_token,
    encode_place,
    encode_token,
    fill_page,
)

SIZES = st.lists(st.sampled_from([1, LARGEST_PAGE_BYTES // 3, 2 * LARGEST_PAGE_BYTES]), max_size=12)


@given(SIZES, st.integers(1, 6))
def test_a_page_ends_at_either_limit(sizes: list[int], limit: int) -> None:
    """Page after page gives every item once; none has too many items, or goes on after it has its bytes."""
    texts = {size: "x" * size for size in set(sizes)}
    read: list[int] = []

    def items(start: int) -> Iterator[int]:
        for number in range(start, len(sizes)):
            read.append(number)
            yield number

    start = 0
    while True:
        read.clear()
        page, last = fill_page(items(start), lambda number: StringValue(value=texts[sizes[number]]), str, limit)
        assert len(read) <= len(page) + 1
        assert len(page) <= limit
        assert sum(message.ByteSize() for message in page[:-1]) < LARGEST_PAGE_BYTES
        start += len(page)
        if not last:
            break
        assert last == str(start - 1)
        assert len(page) == limit or sum(message.ByteSize() for message in page) >= LARGEST_PAGE_BYTES
    assert start == len(sizes)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def _forged(after: object) -> str:
    """A token with whatever in it, and with the right digest, which is no secret."""
    _, digest = json.loads(base64.urlsafe_b64decode(encode_token("x", "tenant")))
    return base64.urlsafe_b64encode(json.dumps([after, digest]).encode()).decode()


@given(st.text() | st.binary().map(lambda some: base64.urlsafe_b64encode(some).decode()) | JSON.map(_forged))
def test_a_forged_token_is_refused_or_a_text(token: str) -> None:
    """Whatever a caller makes of a token, it is refused as one, or read as a text and a place that a query takes."""
    with contextlib.suppress(Invalid):
        after = decode_token(token, "tenant")
        after.encode()
        decode_place(after)


@pytest.mark.parametrize(
    "token",
    [
        *(
            "\u00e9",
            "=",
            "[",
            base64.urlsafe_b64encode(b"[" * 380).decode(),
            base64.urlsafe_b64encode(b"1" * 380).decode(),
        ),
        *(
            _forged("\ud800"),
            _forged(5),
            _forged(None),
            _forged(["x"]),
            base64.urlsafe_b64encode(b"\xff\xfe[").decode(),
        ),
    ],
)
def test_known_forgeries(token: str) -> None:
    """Each of these once was, or could have been, an internal error."""
    with pytest.raises(Invalid) as caught:
        decode_token(token, "tenant")
    assert caught.value.reason == "page_token"


@pytest.mark.parametrize("after", ["x", "0001-01-01T00:00:00+23:59 k", "-1 k", "1", "1 ", "9" * 14 + " k"])
def test_a_place_that_is_none(after: str) -> None:
    """Where a list goes on is a moment that the database can hold, and a key."""
    with pytest.raises(Invalid) as caught:
        decode_place(after)
    assert caught.value.reason == "page_token"


@given(st.integers(0, 10**13 - 1), st.text("abc 0-9", min_size=1))
def test_a_place_comes_back(ms: int, key: str) -> None:
    """A place survives its way through a token, to the millisecond."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    assert decode_place(decode_token(encode_token(encode_place(at, key), "f"), "f")) == (at, key)
