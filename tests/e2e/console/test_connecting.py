"""From an empty suite to the first synced contact, in the browser alone."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from e2e.console.browsing import visiting
from e2e.harness import Suite, eventually


def test_a_crm_is_connected_without_a_terminal(
    browser: Any, another_suite: Callable[..., AbstractContextManager[Suite]], person: Callable[[str], str]
) -> None:
    """Choose, paste the credential, see doctor, mapping and plan, go: then the contact becomes a lead."""
    email = person("first")
    with another_suite() as suite:
        assert suite.api.delete(f"/crm-integration/{suite.integration_id}").status_code == 204
        suite.hubspot.create_contacts(contacts=[{"email": email, "firstname": "Ada"}])
        with visiting(browser, suite) as visitor:
            page = visitor.open("/ui")
            page.get_by_role("link", name="Connect a CRM").click()
            page.get_by_role("link", name="HubSpot").click()
            page.get_by_label("Access token").fill("pat-na1-wrong")
            page.get_by_role("button", name="Connect").click()
            page.get_by_role("alert").wait_for()
            page.get_by_label("Access token").fill("pat-na1-simulator")
            page.get_by_role("button", name="Connect").click()
            page.get_by_role("link", name="Next: mapping").click()
            page.get_by_role("button", name="Plan the change").click()
            page.get_by_role("heading", name="Go").wait_for()
            assert suite.leads(email) == []
            assert page.get_by_text("leads created").first.is_visible()
            page.get_by_role("button", name="Start the sync").click()
            page.get_by_text("succeeded").wait_for()
        (lead,) = eventually(lambda: suite.leads(email), 30, "the lead")
        assert lead["firstName"] == "Ada"
