"""Many records at once: none twice, none lost, and few calls.

Work piles up while the integration is paused, so that how many calls it takes does not depend on the machine's speed.
"""

import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from e2e.harness import Suite, body_of, eventually
from sizes import FULL

CONTACTS = "/crm/v3/objects/contacts"
MANY = 200 if FULL else 120  # more than one batch of 100
READ, UPSERT, UPDATE = (f"POST {CONTACTS}/batch/{verb}" for verb in ("read", "upsert", "update"))


def contact_calls(suite: Suite) -> Counter[str]:
    """Calls on contacts since the last reset, by route."""
    return Counter({route: n for route, n in suite.hubspot.calls().items() if CONTACTS in route})


def leads_of(suite: Suite, run: str) -> list[str]:
    """E-mail addresses of all leads of a run."""
    emails: list[str] = []
    token = None
    while True:
        page = body_of(suite.api.get("/leads", params={"pageSize": 200, **({"pageToken": token} if token else {})}))
        emails += [lead["email"] for lead in page["leads"] if lead["email"] and run in lead["email"]]
        token = page["nextPageToken"]
        if not token:
            return emails


@contextmanager
def piled_up(suite: Suite, due: int) -> Iterator[None]:
    """Pause the integration for what happens inside. After it so many records are due; then they are all worked off.

    Calls are counted from then on, and webhooks about our own writes are kept back until the next time.
    """
    path = f"/crm-integration/{suite.integration_id}"
    body_of(suite.api.patch(path, json={"paused": True}))
    suite.hubspot.set(delivery_delay_seconds=0.05)
    yield
    suite.wait_routed(due, 90)
    suite.hubspot.set(delivery_delay_seconds=3600)
    suite.hubspot.reset_calls()
    body_of(suite.api.patch(path, json={"paused": False}))
    eventually(lambda: suite.status()["pending"] == 0, 60, "all work to be done")


@pytest.fixture(autouse=True)
def undelayed(suite: Suite) -> Iterator[None]:
    """Let webhooks arrive again after each test."""
    suite.wait_quiet()
    yield
    suite.hubspot.set(delivery_delay_seconds=0.05)
    suite.wait_quiet()


def test_many_contacts_become_as_many_leads_in_few_calls(suite: Suite) -> None:
    """Contacts made in HubSpot become leads, none twice, with one call per 100."""
    run = secrets.token_hex(4)
    contacts = [{"email": f"in{n}.{run}@example.com", "firstname": f"In{n}"} for n in range(MANY)]
    with piled_up(suite, due=MANY):
        suite.hubspot.create_contacts(contacts=contacts)
    assert sorted(leads_of(suite, run)) == sorted(contact["email"] for contact in contacts)
    assert contact_calls(suite) == {READ: 2}
    assert suite.hubspot.writes()["total"] == 0


def test_many_leads_become_as_many_contacts_in_few_calls(suite: Suite) -> None:
    """Leads made here become contacts, none twice, with one write per 100; their webhooks cause no write."""
    run = secrets.token_hex(4)
    emails = [f"out{n}.{run}@example.com" for n in range(MANY)]
    with piled_up(suite, due=MANY):
        for email in emails:
            body_of(suite.api.post("/leads", json={"email": email, "lastName": run}), 201)
    made = [c["properties"]["email"] for c in suite.hubspot.contacts() if c["properties"].get("lastname") == run]
    assert sorted(made) == sorted(emails)
    assert suite.hubspot.writes()["total"] == MANY
    assert contact_calls(suite) == {UPSERT: 2, READ: 4}  # each 100 are looked for by mark and by e-mail

    with piled_up(suite, due=MANY):
        pass
    assert contact_calls(suite) == {READ: 2}
    assert suite.hubspot.writes()["total"] == 0


def test_100_edits_on_each_side_meet_in_few_calls(suite: Suite) -> None:
    """100 pairs edited on both sides, each in another field, end equal, with one write per pair and no ping-pong."""
    run = secrets.token_hex(4)
    ids = suite.hubspot.create_contacts(
        contacts=[{"email": f"both{n}.{run}@example.com", "firstname": "B"} for n in range(100)]
    )
    eventually(lambda: len(leads_of(suite, run)) == 100, 60, "100 leads")
    suite.wait_quiet()
    with piled_up(suite, due=100):
        for n, contact_id in enumerate(ids):
            (lead,) = suite.leads(f"both{n}.{run}@example.com")
            body_of(suite.api.patch(f"/leads/{lead['id']}", json={"company": f"C{n}"}))
            suite.hubspot.edit_contact(contact_id, {"jobtitle": f"J{n}"})
    assert suite.hubspot.writes()["total"] == 100
    assert contact_calls(suite) == {UPDATE: 1, READ: 1}

    with piled_up(suite, due=100):
        pass
    assert contact_calls(suite) == {READ: 2}
    assert suite.hubspot.writes()["total"] == 0
    for n, contact_id in enumerate(ids):
        (lead,) = suite.leads(f"both{n}.{run}@example.com")
        properties = suite.hubspot.contact(contact_id)["properties"]
        assert (lead["company"], lead["jobTitle"]) == (f"C{n}", f"J{n}")
        assert (properties["company"], properties["jobtitle"]) == (f"C{n}", f"J{n}")
