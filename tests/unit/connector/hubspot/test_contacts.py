"""Reading contacts in parts of which one contact is bad."""

import pytest
from crm_connector.domain.errors import CrmRejectedError, CrmUncertainError, LeaseTooShortError
from crm_connector.domain.observation import Unread, Unreadable
from crm_connector.providers.hubspot.parts import Found, read_parts
from crm_connector.providers.hubspot.wire import Contact

EIGHT = [str(number) for number in range(8)]


class Account:
    """Eight contacts; a part that holds one of `bad` fails. `budget` calls fit before the deadline."""

    def __init__(self, *bad: str, error: Exception | None = None, budget: int = 1_000, works: bool = True) -> None:
        self.bad = bad
        self.error = error or CrmUncertainError("crm_error")
        self.budget = budget
        self.works = works
        self.calls: list[int] = []

    def read(self, part: list[str], repeats: bool) -> Found:
        """Read a part."""
        assert repeats == (len(part) < 8)
        if len(self.calls) == self.budget:
            raise LeaseTooShortError
        self.calls.append(len(part))
        if set(self.bad) & set(part):
            raise self.error
        return Found([Contact(id=one, properties={}) for one in part])

    def check(self) -> None:
        """Make a call that shows no values."""
        self.calls.append(0)
        if not self.works:
            raise self.error

    def found(self) -> tuple[list[str], Found]:
        """Read all: the ids of the contacts, and all that was found."""
        found = read_parts([EIGHT], self.read, self.check)
        return sorted(contact.id for contact in found.contacts), found


@pytest.mark.parametrize("reason", ["crm_error", "crm_answer_unreadable", "crm_answer_too_large", "crm_timeout"])
def test_a_record_that_hubspot_fails_on_does_not_stop_its_batch(reason: str) -> None:
    """A part that HubSpot fails on is read in halves: the others are seen, the one at fault waits with its reason."""
    account = Account("5", error=CrmUncertainError(reason))

    ids, found = account.found()

    assert ids == ["0", "1", "2", "3", "4", "6", "7"]
    assert found.states == {"5": Unread(reason)}
    assert account.calls == [8, 4, 4, 2, 2, 1, 1]


def test_many_bad_records_stop_no_other() -> None:
    """While nothing was read, a call that shows no values says whether HubSpot is at fault; it is made once."""
    account = Account("0", "2", "4", "6")

    ids, found = account.found()

    assert (ids, set(found.states)) == (["1", "3", "5", "7"], {"0", "2", "4", "6"})
    assert account.calls == [8, 4, 4, 0, 2, 2, 2, 2, *[1] * 8]


def test_no_record_is_at_fault_if_hubspot_fails_on_every_call() -> None:
    """Then a part and its halves are read, not every record, and all of them wait for HubSpot."""
    account = Account(*EIGHT, works=False)

    with pytest.raises(CrmUncertainError):
        account.found()

    assert account.calls == [8, 4, 4, 0]


def test_a_single_record_is_at_fault_if_hubspot_works_otherwise() -> None:
    """A record that is read alone and fails waits alone, if a call that shows no values succeeds."""
    account = Account("5")

    found = read_parts([["5"]], lambda part, _: account.read(part, True), account.check)

    assert found.states == {"5": Unread("crm_error")}
    assert account.calls == [1, 0]


def test_what_there_is_no_time_for_waits_and_what_was_read_is_kept() -> None:
    """Slow answers use up the time of a lease: parts of what failed wait for that, the others only for more time."""
    account = Account("5", error=CrmUncertainError("crm_timeout"), budget=3)

    ids, found = account.found()

    assert ids == ["0", "1", "2", "3"]
    assert found.states == {one: Unread("crm_timeout") for one in ("4", "5", "6", "7")}


def test_a_refused_record_stands_alone() -> None:
    """What HubSpot refuses to show is unreadable, and needs a person."""
    ids, found = Account("5", error=CrmRejectedError(400, "VALIDATION_ERROR")).found()

    assert len(ids) == 7
    assert found.states == {"5": Unreadable("read_refused")}
