"""Reading records in parts. A part that HubSpot fails on is read in halves, until the record at fault stands alone.

HubSpot fails on a part if it answers with a server error, too late, too much, or something of another form. One record
may be the cause, or all of HubSpot. As long as nothing was read at all, a call that shows no values tells them apart.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from crm_connector.domain.errors import (
    CrmRejectedError,
    CrmUncertainError,
    LeaseTooShortError,
    MissingScopesError,
)
from crm_connector.domain.observation import State, Unread, Unreadable
from crm_connector.providers.hubspot.wire import Contact

_FAILURES_BEFORE_CHECK = 3  # a part and both of its halves
_T = TypeVar("_T")


@dataclass(slots=True)
class Found:
    """The contacts that were read, and what is known of ids whose contacts cannot be read."""

    contacts: list[Contact] = field(default_factory=list)
    states: dict[str, State] = field(default_factory=dict)

    def leave(self, part: Sequence[str], state: State) -> None:
        """Note that these cannot be read."""
        self.states.update(dict.fromkeys(part, state))


def read_parts(
    parts: Sequence[list[str]], read: Callable[[list[str], bool], Found], check: Callable[[], object]
) -> Found:
    """Read all parts: each record is either found, or missing, or has a state that says why it cannot be read.

    `read` reads a part; True = it repeats a part of what failed. `check` raises if HubSpot fails on any call.

    Raises:
        CrmError: if HubSpot can be read by no call, so that no record is at fault.

    """
    reading = _Reading(read, check, deque((part, False) for part in parts))
    while reading.left:
        reading.go_on()
    return reading.found


@dataclass(slots=True)
class _Reading:
    """The parts that are left, and how it has gone so far. `works` = HubSpot has answered, or has refused, a part."""

    read: Callable[[list[str], bool], Found]
    check: Callable[[], object]
    left: deque[tuple[list[str], bool]]
    found: Found = field(default_factory=Found)
    works: bool = False
    failures: int = 0
    last: CrmUncertainError | None = None

    def go_on(self) -> None:
        """Read the next part."""
        part, repeats = self.left.popleft()
        try:
            found = self.read(part, repeats)
            self.works = True
            self.found.contacts += found.contacts
            self.found.states |= found.states
        except MissingScopesError:
            self.found.leave(part, Unreadable("missing_scopes"))
        except CrmRejectedError as error:
            self.works = True
            if error.status != 404:  # else there is none of them
                self._cut(part, Unreadable("read_refused"))
        except CrmUncertainError as error:
            self._failed(part, error)
            self._cut(part, Unread(error.reason))
        except LeaseTooShortError as error:
            self._stop(part, error, repeats=repeats)

    def _cut(self, part: list[str], state: State) -> None:
        """Go on with the halves of a part; a single record has this state."""
        if len(part) == 1:
            self.found.leave(part, state)
        else:
            self.left.extend((half, True) for half in halves(part))

    def _failed(self, part: list[str], error: CrmUncertainError) -> None:
        """Note a failure. Raise if HubSpot fails on all calls, or if there is no time left to find out."""
        self.failures, self.last = self.failures + 1, error
        was_last = not self.left and len(part) == 1
        if self.works or not (was_last or self.failures >= _FAILURES_BEFORE_CHECK):
            return
        try:
            self.check()
        except LeaseTooShortError:
            raise error from None
        self.works = True

    def _stop(self, part: list[str], error: LeaseTooShortError, *, repeats: bool) -> None:
        """Leave what there is no time for; what was read is kept."""
        if not self.works:
            raise self.last or error from None
        for unread, failed in ((part, repeats), *self.left):
            self.found.leave(unread, Unread(self.last.reason if self.last and failed else error.reason))
        self.left.clear()


def halves(part: Sequence[_T]) -> tuple[list[_T], list[_T]]:
    """Cut a part of two or more into two."""
    half = (len(part) + 1) // 2
    return list(part[:half]), list(part[half:])


def chunks(items: Sequence[_T], size: int) -> list[list[_T]]:
    """Cut into pieces of at most `size`."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
