"""Many records at once: none twice, none lost, and few calls."""

import secrets
from collections import Counter

from e2e.harness import Suite, body_of, eventually

CONTACTS = "/crm/v3/objects/contacts"
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


def test_200_contacts_become_200_leads_in_few_calls(suite: Suite) -> None:
    """200 contacts made in HubSpot become 200 leads, none twice, at no more than 3 calls per 100."""
    run = secrets.token_hex(4)
    suite.wait_quiet()
    suite.hubspot.reset_calls()
    contacts = [{"email": f"in{n}.{run}@example.com", "firstname": f"In{n}"} for n in range(200)]
    suite.hubspot.create_contacts(contacts=contacts)
    eventually(lambda: len(leads_of(suite, run)) >= 200, 30, "200 leads")
    suite.wait_quiet()
    assert sorted(leads_of(suite, run)) == sorted(contact["email"] for contact in contacts)
    calls = contact_calls(suite)
    assert calls.total() <= 6, calls
    assert suite.hubspot.writes()["total"] == 0


def test_200_leads_become_200_contacts_in_few_calls(suite: Suite) -> None:
    """200 leads made here become 200 contacts, none twice, at no more than 3 calls per 100 and their echoes."""
    run = secrets.token_hex(4)
    suite.wait_quiet()
    body_of(suite.api.patch(f"/crm-integration/{suite.integration_id}", json={"paused": True}))
    emails = [f"out{n}.{run}@example.com" for n in range(200)]
    for email in emails:
        body_of(suite.api.post("/leads", json={"email": email, "lastName": run}), 201)
    suite.hubspot.reset_calls()
    body_of(suite.api.patch(f"/crm-integration/{suite.integration_id}", json={"paused": False}))
    eventually(lambda: suite.status()["pending"] == 0, 40, "all leads to be written")
    suite.wait_quiet()
    made = [c["properties"]["email"] for c in suite.hubspot.contacts() if c["properties"].get("lastname") == run]
    assert sorted(made) == sorted(emails)
    assert suite.hubspot.writes()["total"] == 200
    calls = contact_calls(suite)
    assert calls[UPSERT] <= 3, calls
    assert calls[READ] <= 10, calls  # before: by mark and by e-mail; after: what their own webhooks touch
    assert calls.total() == calls[UPSERT] + calls[READ], calls


def test_100_edits_on_each_side_meet_in_few_calls(suite: Suite) -> None:
    """100 pairs edited on both sides, each in another field, end equal, with one write per pair and no ping-pong."""
    run = secrets.token_hex(4)
    ids = suite.hubspot.create_contacts(
        contacts=[{"email": f"both{n}.{run}@example.com", "firstname": "B"} for n in range(100)]
    )
    eventually(lambda: len(leads_of(suite, run)) == 100, 30, "100 leads")
    suite.wait_quiet()
    body_of(suite.api.patch(f"/crm-integration/{suite.integration_id}", json={"paused": True}))
    for n, contact_id in enumerate(ids):
        (lead,) = suite.leads(f"both{n}.{run}@example.com")
        body_of(suite.api.patch(f"/leads/{lead['id']}", json={"company": f"C{n}"}))
        suite.hubspot.edit_contact(contact_id, {"jobtitle": f"J{n}"})
    suite.hubspot.wait_idle(20)
    suite.hubspot.reset_calls()
    body_of(suite.api.patch(f"/crm-integration/{suite.integration_id}", json={"paused": False}))
    eventually(lambda: suite.status()["pending"] == 0, 40, "all edits to be merged")
    suite.wait_quiet()
    for n, contact_id in enumerate(ids):
        (lead,) = suite.leads(f"both{n}.{run}@example.com")
        properties = suite.hubspot.contact(contact_id)["properties"]
        assert (lead["company"], lead["jobTitle"]) == (f"C{n}", f"J{n}")
        assert (properties["company"], properties["jobtitle"]) == (f"C{n}", f"J{n}")
    assert suite.hubspot.writes()["total"] == 100
    calls = contact_calls(suite)
    assert calls[UPDATE] <= 2, calls
    assert calls[READ] <= 4, calls
