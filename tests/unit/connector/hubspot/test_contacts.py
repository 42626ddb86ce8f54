"""Reading contacts in batches of which one contact is bad."""

import pytest
from crm_connector.domain.errors import CrmUncertainError
from crm_connector.domain.observation import State, Unreadable
from crm_connector.providers.hubspot.contacts import split
from crm_connector.providers.hubspot.wire import Contact


def _read_around(poison: str, calls: list[int]) -> tuple[list[str], dict[str, State]]:
    """Read eight records, of which HubSpot fails on one."""
    found: list[Contact] = []
    refused: dict[str, State] = {}

    def read(part: list[str]) -> list[Contact]:
        calls.append(len(part))
        if poison in part:
            raise CrmUncertainError("crm_error")
        return [Contact(id=one, properties={}) for one in part]

    split([str(number) for number in range(8)], read, found.extend, refused)
    return sorted(contact.id for contact in found), refused


def test_a_record_that_hubspot_fails_on_does_not_stop_its_batch() -> None:
    """A batch that ends in a server error is read in halves: the others are seen, the one at fault is not."""
    calls: list[int] = []
    found, refused = _read_around("5", calls)
    assert found == ["0", "1", "2", "3", "4", "6", "7"]
    assert refused == {"5": Unreadable("crm_error")}
    assert calls == [8, 4, 4, 2, 1, 1, 2]


def test_a_server_error_on_a_single_record_is_raised() -> None:
    """Of one record alone nobody can say whether it or HubSpot is at fault: it is tried again later."""

    def read(_part: list[str]) -> list[Contact]:
        raise CrmUncertainError("crm_error")

    with pytest.raises(CrmUncertainError):
        split(["1"], read, lambda _: None, {})
