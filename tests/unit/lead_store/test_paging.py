from collections.abc import Iterator

from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given
from hypothesis import strategies as st
from lead_store.rpc.paging import LARGEST_PAGE_BYTES, fill_page

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
