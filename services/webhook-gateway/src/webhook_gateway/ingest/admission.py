"""Which webhook requests are admitted: up to a number of requests and bytes, and up to a share for one account. Pure.

Nothing here waits. A request over a limit is refused at once. It was not acknowledged, so the CRM sends it again.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from webhook_gateway.problem import NotKeptError

MIB = 1024 * 1024
Account = tuple[str, str]  # provider and account id


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """The most requests and bytes that are held at once, and the share of these for one account, in percent."""

    requests: int = 2048
    bytes: int = 32 * MIB
    account_percent: int = 50


class Admission:
    """Counts the admitted `requests` and `bytes`, and calls `changed` after every change."""

    def __init__(self, limits: AdmissionLimits, changed: Callable[[], None]) -> None:
        self._limits = limits
        self._changed = changed
        self.requests = 0
        self.bytes = 0
        self._accounts: dict[Account, tuple[int, int]] = {}  # requests and bytes
        self._most_requests = limits.requests * limits.account_percent // 100
        self._most_bytes = limits.bytes * limits.account_percent // 100

    def admit(self) -> "AdmittedRequest":
        """Admit a request until its `with` block ends. Raises NotKeptError intake_full if too many are admitted."""
        if self.requests >= self._limits.requests:
            raise NotKeptError("intake_full")
        self.requests += 1
        self._changed()
        return AdmittedRequest(self)

    def reserve(self, size: int) -> None:
        """Count bytes that are held in memory. Raises NotKeptError intake_full if there are too many."""
        if self.bytes + size > self._limits.bytes:
            raise NotKeptError("intake_full")
        self.bytes += size
        self._changed()

    def claim(self, accounts: Collection[Account], size: int) -> None:
        """Count a request for its accounts. Raises NotKeptError account_over_quota if one has its share already."""
        for account in accounts:
            requests, held = self._accounts.get(account, (0, 0))
            # The only request of an account is admitted, however large it is.
            if requests and (requests >= self._most_requests or held + size > self._most_bytes):
                detail = "this account has too much on its way; send it again"
                raise NotKeptError("account_over_quota", detail, 429)
        for account in accounts:
            requests, held = self._accounts.get(account, (0, 0))
            self._accounts[account] = requests + 1, held + size

    def release(self, accounts: Collection[Account], size: int) -> None:
        """Give back what a request took up."""
        self.requests -= 1
        self.bytes -= size
        self._changed()
        for account in accounts:
            requests, held = self._accounts.pop(account)
            if requests > 1:
                self._accounts[account] = requests - 1, held - size


class AdmittedRequest:
    """What one request takes up until its `with` block ends. It grows while the body arrives."""

    __slots__ = ("_accounts", "_admission", "_size")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._size = 0
        self._accounts: Collection[Account] = ()

    def grow(self, size: int) -> None:
        """Take up so many more bytes. Raises NotKeptError if there are too many."""
        self._admission.reserve(size)
        self._size += size

    def claim(self, accounts: Collection[Account]) -> None:
        """Say which accounts the request is of. Raises NotKeptError if one of them has its share already."""
        self._admission.claim(accounts, self._size)
        self._accounts = accounts

    def __enter__(self) -> "AdmittedRequest":
        """Stay admitted until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give back what the request took up."""
        self._admission.release(self._accounts, self._size)
