"""Who may come in: bounded requests and bytes, and of these no more than its share for one account. Pure.

Nothing here waits. What does not fit is refused at once: the CRM sends it again, and nobody was told that it is safe.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

MIB = 1024 * 1024
Account = tuple[str, str]  # provider and account id


@dataclass(frozen=True, slots=True)
class Room:
    """How much may be inside at once, and how much of it one account may take up, in percent."""

    requests: int = 2048
    bytes: int = 32 * MIB
    account_percent: int = 50


class NotKeptError(Exception):
    """The delivery was not kept, as far as we know. `reason` is stable."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OverQuotaError(NotKeptError):
    """An account has more inside than its share; others may still come in."""

    def __init__(self) -> None:
        super().__init__("account_over_quota")


class Admission:
    """Counts what is inside, `requests` and `bytes`, and calls `changed` after every change."""

    def __init__(self, room: Room, changed: Callable[[], None]) -> None:
        self._room = room
        self._changed = changed
        self.requests = 0
        self.bytes = 0
        self._accounts: dict[Account, tuple[int, int]] = {}  # requests and bytes
        self._most_requests = room.requests * room.account_percent // 100
        self._most_bytes = room.bytes * room.account_percent // 100

    def enter(self) -> "Slot":
        """Let a request in until its slot is left. Raises NotKeptError if too many are inside."""
        if self.requests >= self._room.requests:
            raise NotKeptError("intake_full")
        self.requests += 1
        self._changed()
        return Slot(self)

    def reserve(self, size: int) -> None:
        """Count bytes that are held in memory. Raises NotKeptError if there is no room."""
        if self.bytes + size > self._room.bytes:
            raise NotKeptError("intake_full")
        self.bytes += size
        self._changed()

    def claim(self, accounts: Collection[Account], size: int) -> None:
        """Count a request as these accounts'. Raises OverQuotaError if one of them has its share already."""
        for account in accounts:
            requests, held = self._accounts.get(account, (0, 0))
            # An account that has nothing inside is let in, however large its request.
            if requests and (requests >= self._most_requests or held + size > self._most_bytes):
                raise OverQuotaError
        for account in accounts:
            requests, held = self._accounts.get(account, (0, 0))
            self._accounts[account] = requests + 1, held + size

    def leave(self, accounts: Collection[Account], size: int) -> None:
        """Give back what a request took up."""
        self.requests -= 1
        self.bytes -= size
        self._changed()
        for account in accounts:
            requests, held = self._accounts.pop(account)
            if requests > 1:
                self._accounts[account] = requests - 1, held - size


class Slot:
    """Room that one request takes up until the block ends; it grows while the body arrives."""

    __slots__ = ("_accounts", "_admission", "_size")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._size = 0
        self._accounts: Collection[Account] = ()

    def grow(self, size: int) -> None:
        """Take up so many bytes more. Raises NotKeptError if there is no room."""
        self._admission.reserve(size)
        self._size += size

    def claim(self, accounts: Collection[Account]) -> None:
        """Say whose request it is. Raises OverQuotaError."""
        self._admission.claim(accounts, self._size)
        self._accounts = accounts

    def __enter__(self) -> "Slot":
        """Stay inside until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the room back."""
        self._admission.leave(self._accounts, self._size)
