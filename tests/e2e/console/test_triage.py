"""Conflicts in a real browser: settled by keys, by two people at once, all of a field, and undone."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from e2e.harness import Suite, body_of, eventually

Visit = Callable[..., AbstractContextManager[Any]]


@contextmanager
def paused(suite: Suite) -> Iterator[None]:
    """Pause the integration meanwhile."""
    path = f"/crm-integration/{suite.integration_id}"
    body_of(suite.api.patch(path, json={"paused": True}))
    try:
        yield
    finally:
        body_of(suite.api.patch(path, json={"paused": False}))


@pytest.fixture
def disputed(suite: Suite, person: Callable[[str], str]) -> Iterator[Callable[[int], list[str]]]:
    """Give a function that makes so many leads whose job title differs on both sides; people are asked about it."""
    path = f"/crm-integration/{suite.integration_id}"
    body_of(suite.api.patch(path, json={"fieldRules": {"jobTitle": {"rule": "ask"}}}))

    def make(number: int) -> list[str]:
        emails = [person(f"disputed{n}") for n in range(number)]
        ids = suite.hubspot.create_contacts(contacts=[{"email": one, "jobtitle": "Clerk"} for one in emails])
        eventually(lambda: all(suite.leads(one) for one in emails), 60, "the leads")
        suite.wait_quiet()
        leads = [suite.leads(one)[0]["id"] for one in emails]
        with paused(suite):
            for lead, record in zip(leads, ids, strict=True):
                body_of(suite.api.patch(f"/leads/{lead}", json={"jobTitle": "Ours"}))
                suite.hubspot.edit_contact(record, {"jobtitle": "Theirs"})
        eventually(lambda: suite.status()["conflicts"] == number, 60, "the conflicts")
        return leads

    yield make
    body_of(suite.api.patch(path, json={"fieldRules": {}}))


def job_title(suite: Suite, lead_id: str) -> str:
    """Read the job title of a lead."""
    title: str = body_of(suite.api.get(f"/leads/{lead_id}"))["jobTitle"]
    return title


def test_conflicts_are_settled_by_keys(visit: Visit, suite: Suite, disputed: Callable[[int], list[str]]) -> None:
    """J and k move, c takes the CRM's value, p keeps ours, e sets another one, u undoes: no mouse is needed."""
    disputed(3)
    with visit() as visitor:
        page = visitor.open("/ui/conflicts")
        page.keyboard.press("j")
        page.keyboard.press("c")
        page.get_by_text("Settled.").wait_for()
        assert page.locator("tbody tr").count() == 2
        page.keyboard.press("p")
        page.get_by_text("Settled.").wait_for()
        page.locator("tbody tr").first.wait_for()
        assert page.locator("tbody tr").count() == 1
        page.keyboard.press("e")
        page.keyboard.type("Head of all")
        page.keyboard.press("Enter")
        page.get_by_text("No conflicts").wait_for()
        page.keyboard.press("u")
        page.get_by_text("Undone.").wait_for()
    eventually(lambda: suite.status()["pending"] == 0, 30, "all work to be done")


def test_two_people_settle_one_conflict(visit: Visit, suite: Suite, disputed: Callable[[int], list[str]]) -> None:
    """The second one is told, nothing of theirs is done, and nothing of the first one's is lost."""
    (lead,) = disputed(1)
    with visit("--subject", "first") as first, visit("--subject", "second") as second:
        first.open("/ui/conflicts")
        second.open("/ui/conflicts")
        first.page.get_by_role("button", name="The CRM's").click()
        first.page.get_by_text("Settled.").wait_for()
        second.page.get_by_role("button", name="Ours").click()
        second.page.get_by_text("Somebody was quicker.").wait_for()
    assert job_title(suite, lead) == "Theirs"


def test_a_field_is_always_settled_so(visit: Visit, suite: Suite, disputed: Callable[[int], list[str]]) -> None:
    """All conflicts of a field are settled at once, and a rule of the field settles the next ones by itself."""
    leads = disputed(3)
    with visit() as visitor:
        page = visitor.open("/ui/conflicts")
        page.get_by_label("Take").select_option("crm")
        page.get_by_label("and always so for this field").check()
        page.get_by_role("button", name="Settle all").click()
        page.get_by_text("3 settled.").wait_for()
    assert [job_title(suite, lead) for lead in leads] == ["Theirs"] * 3
    rules = body_of(suite.api.get(f"/crm-integration/{suite.integration_id}"))["fieldRules"]
    assert rules["jobTitle"]["rule"] == "crm"
