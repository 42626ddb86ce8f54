"""A queue in which accounts take turns, so that the backlog of one does not delay another. Pure."""

from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """First come, first served within an account; one item of each account in turn."""

    def __init__(self) -> None:
        self._lines: OrderedDict[Hashable, deque[T]] = OrderedDict()
        self._items = 0

    def __len__(self) -> int:
        """Number of items."""
        return self._items

    def push(self, account: Hashable, item: T) -> None:
        """Put an item at the end of its account's line."""
        self._line(account).append(item)
        self._items += 1

    def push_first(self, account: Hashable, item: T) -> None:
        """Put an item before all others of its account."""
        self._line(account).appendleft(item)
        self._items += 1

    def first(self) -> T | None:
        """The item whose turn it is; None if there is none."""
        return next(iter(self._lines.values()))[0] if self._lines else None

    def take(self) -> T:
        """Take the item whose turn it is. Raises StopIteration if there is none."""
        account, line = next(iter(self._lines.items()))
        item = line.popleft()
        self._items -= 1
        if line:
            self._lines.move_to_end(account)
        else:
            del self._lines[account]
        return item

    def drain(self) -> Iterator[T]:
        """Take all items."""
        while self._lines:
            yield self.take()

    def _line(self, account: Hashable) -> deque[T]:
        line = self._lines.get(account)
        if line is None:
            line = self._lines[account] = deque()
        return line
