"""Pages of a sweep, an import and the archive that do not go on as documented: HubSpot simulator."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from crm_connector.crm import Page
from crm_connector.domain.errors import CrmUncertainError
from crm_connector.domain.run import RunKind
from crm_connector.providers.hubspot.provider import HubSpotCrm
from integration.connector.builders import soon
from integration.connector.hub import SEARCH, Simulator
from integration.connector.lead_store_double import StoreDouble, lease_all
from integration.connector.rig import Parts

CONTACTS = "/crm/v3/objects/contacts"
HOUR = 3600


def pages(crm: HubSpotCrm) -> Iterator[Page]:
    """The pages of a sweep, 20 at most."""
    position: object | None = None
    for _ in range(20):
        page = crm.changed_since(datetime.now(UTC) - timedelta(days=1), position, soon())
        yield page
        position = page.next_position
        if position is None:
            return


def found(crm: HubSpotCrm) -> set[str]:
    """The ids of the records of all pages."""
    return {record.record_id for page in pages(crm) for record in page.records}


@pytest.fixture
def hours_ago(simulator: Simulator) -> Simulator:
    """What happens now counts as having happened two hours ago."""
    simulator.control.advance(-2 * HOUR)
    return simulator


@pytest.mark.parametrize("hours", [0, 2])
def test_an_empty_page_of_a_search_is_not_the_end(crm: HubSpotCrm, simulator: Simulator, hours: int) -> None:
    """A page has no results if all its records were archived a moment ago: those behind it are read too."""
    simulator.control.advance(-hours * HOUR)
    gone = simulator.control.create_contacts(100)
    simulator.control.advance(1)
    left = simulator.control.create_contacts(3, "left")
    simulator.control.set(search_lag_seconds=HOUR)
    for record_id in gone:
        simulator.control.delete_contact(record_id)

    assert found(crm) == set(left)


def test_a_record_that_changes_meanwhile_hides_no_other(crm: HubSpotCrm, hours_ago: Simulator) -> None:
    """Found where an old change has put it, it shows its latest change. The records between both are read too."""
    control = hours_ago.control
    first = control.create_contacts(99)
    control.advance(1)
    last_of_page = control.create_contact({"email": "moving@example.com"})
    control.advance(1)
    behind = control.create_contacts(5, "behind")
    control.advance(2 * HOUR)
    control.set(search_lag_seconds=2 * HOUR, search_shows_present=True)
    control.edit_contact(last_of_page, {"firstname": "Ada"})

    assert found(crm) == {*first, last_of_page, *behind}


def test_a_cursor_does_not_follow_a_record_that_changes_meanwhile(crm: HubSpotCrm, hours_ago: Simulator) -> None:
    """Only the last page may say that all before it was seen."""
    control = hours_ago.control
    control.create_contacts(99)
    control.advance(1)
    last_of_page = control.create_contact({"email": "moving@example.com"})
    control.advance(1)
    control.create_contacts(5, "behind")
    control.advance(2 * HOUR)
    control.set(search_lag_seconds=2 * HOUR, search_shows_present=True)
    control.edit_contact(last_of_page, {"firstname": "Ada"})

    assert [page.until for page in pages(crm)] == [None, None, None]


def test_old_changes_are_paged_through_by_their_time(crm: HubSpotCrm, hours_ago: Simulator) -> None:
    """The cursor follows each page, so that a long sweep that is broken off goes on there."""
    ids: list[str] = []
    for number in range(3):
        hours_ago.control.advance(1)
        ids += hours_ago.control.create_contacts(99, f"of{number}-")

    seen = list(pages(crm))

    assert {record.record_id for page in seen for record in page.records} == set(ids)
    assert all(page.until for page in seen)
    assert hours_ago.call_count(SEARCH) < 10


def repeat(simulator: Simulator, after: str) -> None:
    """Let every page of a list say that the next one begins here."""
    paging = f'"paging":{{"next":{{"after":"{after}"}}}}'
    simulator.control.fault(method="GET", path=CONTACTS, times=None, replace={'"results":[': f'{paging},"results":['})


def test_an_import_whose_pages_would_never_end_waits(parts: Parts, double: StoreDouble, simulator: Simulator) -> None:
    """A page that names its own start as the next one is not read again and again; the run says why it waits."""
    double.page = lease_all
    made = parts.connect()
    ids = simulator.control.create_contacts(150)
    repeat(simulator, ids[100])

    run = parts.ended(parts.start(made, RunKind.IMPORT), turns=5)

    assert (run.done, run.reason) == (100, "crm_answer_unreadable")


def test_an_archive_whose_pages_would_never_end_is_not_read_for_ever(crm: HubSpotCrm, simulator: Simulator) -> None:
    """The pass over the archive fails at such a page, and is shown as failing."""
    repeat(simulator, "17")

    with pytest.raises(CrmUncertainError):
        crm.removed_since(datetime.now(UTC), "17", soon())


def test_a_page_may_give_its_position_as_a_number(parts: Parts, double: StoreDouble, simulator: Simulator) -> None:
    """Pages go on by a number as by a text."""
    double.page = lease_all
    made = parts.connect()
    ids = simulator.control.create_contacts(150)
    simulator.control.fault(method="GET", path=CONTACTS, replace={f'"after":"{ids[100]}"': f'"after":{ids[100]}'})

    assert parts.ended(parts.start(made, RunKind.IMPORT)).done == 150
