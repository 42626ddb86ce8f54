"""Which webhook requests are admitted: up to a number of requests and bytes, and up to a share for one account. Pure.

Nothing here waits. A request over a limit is refused at once. It was not acknowledged, so the CRM sends it again.

Until a request's body has arrived, nobody knows who sent it. So when there is no room, one that is still arriving gives
way: of the address that has most of them, the oldest one or, if it is about bytes, the largest one. Bodies of a CRM
arrive at once and are small.
"""

from collections import Counter
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
        self._arriving: dict[AdmittedRequest, None] = {}  # the oldest first
        self._most_requests = limits.requests * limits.account_percent // 100
        self._most_bytes = limits.bytes * limits.account_percent // 100

    def admit(self, address: str = "") -> "AdmittedRequest":
        """Admit a request of an address until its `with` block ends. Raises NotKeptError intake_full."""
        if self.requests >= self._limits.requests:
            _give_way(self._oldest())
        self.requests += 1
        self._changed()
        return AdmittedRequest(self, address)

    def arrives(self, request: "AdmittedRequest") -> None:
        """Note that a request's body is on its way, so that it may have to give way."""
        self._arriving[request] = None

    def arrived(self, request: "AdmittedRequest") -> None:
        """Note that a request is no longer arriving; repeating it changes nothing."""
        self._arriving.pop(request, None)

    def reserve(self, request: "AdmittedRequest", size: int) -> None:
        """Count bytes that a request holds in memory. Raises NotKeptError intake_full if there are too many."""
        while self.bytes + size > self._limits.bytes:
            _give_way(self._largest(request, request.size + size))
        self.bytes += size
        self._changed()

    def _oldest(self) -> "AdmittedRequest | None":
        """The oldest arriving request of the address that has most of them."""
        most = Counter(request.address for request in self._arriving).most_common(1)
        return next((request for request in self._arriving if request.address == most[0][0]), None)

    def _largest(self, but: "AdmittedRequest", size: int) -> "AdmittedRequest | None":
        """The largest arriving request of the address that has most bytes of them, if it is larger than this size."""
        total: Counter[str] = Counter()
        for request in self._arriving:
            total[request.address] += request.size
        most = total.most_common(1)
        mine = [request for request in self._arriving if request.address == most[0][0]]
        largest = max(mine, key=lambda request: request.size, default=None)
        return largest if largest is not None and largest is not but and largest.size > size else None

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

    __slots__ = ("_accounts", "_admission", "_cut", "_released", "address", "size")

    def __init__(self, admission: Admission, address: str) -> None:
        self._admission = admission
        self.address = address
        self.size = 0
        self._accounts: Collection[Account] = ()
        self._cut: Callable[[], None] | None = None
        self._released = False

    def arrives(self, cut: Callable[[], None]) -> None:
        """Say that the body is on its way; `cut` ends its reading with a NotKeptError if it has to give way."""
        self._cut = cut
        self._admission.arrives(self)

    def arrived(self) -> None:
        """Say that the body is whole, or is given up."""
        self._admission.arrived(self)

    def give_way(self) -> None:
        """End the reading of its body, and give back at once what it takes up."""
        self._release()
        if self._cut is not None:
            self._cut()

    def grow(self, size: int) -> None:
        """Take up so many more bytes. Raises NotKeptError if there are too many."""
        self._admission.reserve(self, size)
        self.size += size

    def claim(self, accounts: Collection[Account]) -> None:
        """Say which accounts the request is of. Raises NotKeptError if one of them has its share already."""
        self._admission.claim(accounts, self.size)
        self._accounts = accounts

    def __enter__(self) -> "AdmittedRequest":
        """Stay admitted until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give back what the request took up."""
        self._release()

    def _release(self) -> None:
        self.arrived()
        if not self._released:
            self._released = True
            self._admission.release(self._accounts, self.size)


def _give_way(request: AdmittedRequest | None) -> None:
    if request is None:
        raise NotKeptError("intake_full")
    request.give_way()
