"""The console's pages in a real browser: who may enter, how they look, and what they must never do."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest
from e2e.console.links import sign_in_link
from e2e.harness import Suite, body_of, eventually

WIDTHS = (360, 1024, 1440)
THEMES = ("light", "dark")
Visit = Callable[..., AbstractContextManager[Any]]
HOSTILE = "<script>alert(1)</script>\u202e\"'><img src=x onerror=alert(2)>"


def lead_of(suite: Suite, **values: str) -> str:
    """Make a lead; its id."""
    made: str = body_of(suite.api.post("/leads", json=values), 201)["id"]
    return made


def pages_of(suite: Suite, lead_id: str) -> list[str]:
    """All pages, as far as they can be reached with one lead."""
    one = f"/ui/integrations/{suite.integration_id}"
    return [
        *("/ui", "/ui/events", "/ui/work", "/ui/leads", "/ui/conflicts", "/ui/matches", "/ui/runs", "/ui/integrations"),
        *(f"/ui/leads/{lead_id}", one, f"{one}/doctor", f"{one}/mapping", "/ui/integrations/new"),
        *("/ui/integrations/new/hubspot", "/ui/find?q=nothing"),
    ]


def test_a_link_signs_in_once(suite: Suite, browser: Any) -> None:
    """A link opens the console once; nobody enters with a used one, with a token of the API, or with nothing."""
    link = sign_in_link(suite)
    context = browser.new_context()
    page = context.new_page()
    page.goto(link)
    page.wait_for_url("**/ui")
    assert page.get_by_role("heading", name="Overview").is_visible()
    other = browser.new_context().new_page()
    other.goto(link)
    assert other.get_by_role("heading", name="Not signed in").is_visible()
    assert "used before" in other.content()
    other.goto(f"{suite.url}/ui/leads")
    assert other.get_by_role("heading", name="Sign in").is_visible()
    other.goto(f"{suite.url}/ui/login?code={suite.token()}")
    assert other.get_by_role("heading", name="Not signed in").is_visible()
    cookie = next(one for one in context.cookies() if one["name"] == "leadsync_console")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/ui")
    api = httpx.get(f"{suite.url}/api/v1/leads", cookies={"leadsync_console": cookie["value"]}, trust_env=False)
    assert api.status_code == 401
    bearer = {"Authorization": f"Bearer {suite.token()}"}
    assert httpx.get(f"{suite.url}/ui", headers=bearer, trust_env=False).status_code == 401
    page.get_by_label("Signed in as").click()
    page.get_by_role("button", name="Sign out").click()
    assert page.get_by_role("heading", name="Sign in").is_visible()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "OWN"}, 403),
        ({}, 403),
        ({"origin": "OWN"}, 303),
        ({"sec-fetch-site": "same-origin"}, 303),
    ],
)
def test_no_other_page_can_send_a_form(visit: Visit, suite: Suite, headers: dict[str, str], status: int) -> None:
    """A form is taken from the console's own pages alone."""
    own = {name: suite.url if value == "OWN" else value for name, value in headers.items()}
    with visit() as visitor:
        cookies = {one["name"]: one["value"] for one in visitor.context.cookies()}
        answer = httpx.post(
            f"{suite.url}/ui/work/redrive",
            data={"integrationId": suite.integration_id, "reason": "no_such"},
            headers=own,
            cookies=cookies,
            trust_env=False,
        )
    assert answer.status_code == status


def test_a_browser_names_the_origin_of_a_form(browser: Any, suite: Suite) -> None:
    """`Origin` says where a form is from: over HTTP to another machine, browsers send no `Sec-Fetch-Site`."""
    page = browser.new_context().new_page()
    with page.expect_request(lambda request: request.method == "POST") as sent:
        page.goto(sign_in_link(suite))
    page.wait_for_url("**/ui")
    assert sent.value.all_headers()["origin"] == suite.url


def test_a_viewer_sees_and_does_nothing(visit: Visit, suite: Suite, person: Callable[[str], str]) -> None:
    """The roles are those of the API: what a viewer may not do is not offered, and refused."""
    lead_id = lead_of(suite, email=person("viewer"))
    with visit("--role", "viewer") as visitor:
        page = visitor.open(f"/ui/leads/{lead_id}")
        assert page.get_by_role("button", name="Undo").count() == 0
        visitor.open(f"/ui/integrations/{suite.integration_id}")
        assert page.get_by_role("button", name="Pause").count() == 0
        send = "fetch('/ui/runs/start', {method: 'POST', body: new URLSearchParams({kind: 'import'})})"
        refused = page.evaluate(f"{send}.then(answer => answer.status)")
    assert refused == 403


def test_pages_are_accessible_and_fit(visit: Visit, suite: Suite, person: Callable[[str], str]) -> None:
    """Every page in both colours: axe finds nothing, and at three widths nothing is cut off."""
    lead_id = lead_of(suite, email=person("axe"), firstName="Anneliese", lastName="Müller-Lüdenscheidt")
    eventually(lambda: suite.contacts(person("axe")), 30, "the contact")
    found = []
    for theme in THEMES:
        for width in WIDTHS:
            with visit(width=width, theme=theme) as visitor:
                for path in pages_of(suite, lead_id):
                    visitor.open(path)
                    found += [f"{path} {theme} {width}: too wide"] if visitor.is_too_wide() else []
                    if width == WIDTHS[-1] or width == WIDTHS[0]:
                        found += [f"{path} {theme} {width}: {one}" for one in visitor.axe()]
    assert found == []


def test_hostile_values_are_texts(visit: Visit, suite: Suite, person: Callable[[str], str]) -> None:
    """Values with scripts, marks of direction and 20,000 letters in every field do nothing on any page."""
    email = person("hostile")
    fields = ("firstName", "lastName", "company", "jobTitle", "website", "phone", "status")
    lead_id = lead_of(suite, email=email, **dict.fromkeys(fields, HOSTILE + "x" * 2000))
    with visit(width=360) as visitor:
        for path in [*pages_of(suite, lead_id), f"/ui/find?q={HOSTILE}", f"/ui/leads?email={HOSTILE}"]:
            visitor.open(path)
            assert not visitor.is_too_wide(), path
        page = visitor.open(f"/ui/leads/{lead_id}")
        assert page.get_by_text("<script>alert(1)</script>").first.is_visible()
        assert page.locator("main script, main img").count() == 0
