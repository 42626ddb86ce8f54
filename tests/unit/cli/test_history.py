"""`events`, `why`, `doctor` and `integration fields`: what people read."""

import json
import subprocess
from collections.abc import Callable

from leadsync_cli.commands.events import became, rows_of
from leadsync_cli.commands.why import lines_of
from unit.cli.canned import CannedGateway, Json

Run = Callable[..., subprocess.CompletedProcess[str]]

WORK = {"state": "idle", "outcome": "updated", "reason": None, "decidedAt": "2026-01-01T10:00:01Z", "leadId": "l1"}
CHANGE = {"type": "contact.propertyChange", "recordId": "5", "property": "phone", "value": "1", "source": "CRM_UI"}


def delivery(state: str = "routed", reason: str | None = None, *events: Json) -> Json:
    """One webhook as the gateway shows it."""
    facts = {"deliveryKey": "k", "receivedAt": "2026-01-01T10:00:00Z", "integrationId": "only"}
    return facts | {"state": state, "reason": reason, "events": list(events)}


def test_events_are_one_row_each_with_what_became_of_them(gateway: CannedGateway, leadsync: Run) -> None:
    """Each event has a row with its value and outcome; times go out in UTC; other records' events are left out."""
    other = {"type": "contact.creation", "recordId": "6", "mergedRecordIds": [], "ignored": False, "work": None}
    page = {"events": [delivery("routed", None, CHANGE | {"work": WORK}, other)], "nextPageToken": None}
    gateway.on("GET", "/events", 200, page)

    result = leadsync("events", "--record", "5", "--state", "routed", "--after", "2026-01-01T12:00+02:00")

    wanted = {"recordId": "5", "state": "routed", "receivedAfter": "2026-01-01T10:00:00Z", "pageSize": "50"}
    assert gateway.asked[0].sent == wanted
    _, row = result.stdout.splitlines()
    assert row.split() == [
        "2026-01-01T10:00:00Z",
        *["contact.propertyChange", "5", "phone", "1", "CRM_UI", "l1", "updated"],
    ]


def test_what_became_of_an_event_is_said_in_words() -> None:
    """Waiting, failed, ignored and kept events read as such, with the reason where there is one."""
    failed = CHANGE | {"work": WORK | {"state": "failed", "outcome": "failed", "reason": "ambiguous_match"}}

    assert became(delivery("new"), CHANGE) == "kept, about to become work"
    assert became(delivery("ignored", "webhooks_disabled"), CHANGE) == "ignored: webhooks_disabled"
    assert became(delivery(), CHANGE | {"ignored": True}) == "ignored: of a kind that is not synced"
    assert became(delivery(), failed) == "failed, see `leadsync work list`; failed: ambiguous_match"
    assert became(delivery(), CHANGE | {"work": WORK | {"state": "due"}}) == "waiting for a worker; updated"


def test_webhooks_that_were_refused(gateway: CannedGateway, leadsync: Run) -> None:
    """They are counted by reason, and verified again on demand; what is left is said."""
    count = {"provider": "hubspot", "reason": "signature_invalid", "requests": 3, "oldestReceivedAt": "2026-01-01"}
    gateway.on("GET", "/events/quarantine", 200, {"requests": 3, "oldestReceivedAt": "2026-01-01", "counts": [count]})
    found = {"verified": 2, "stillRefused": 0, "left": 1}
    gateway.on("POST", "/events/verify-again", 200, found)

    _, row = leadsync("events", "quarantine").stdout.splitlines()
    assert row.split() == ["hubspot", "signature_invalid", "3", "2026-01-01"]
    assert leadsync("events", "verify-again").stdout.splitlines()[-1] == "Run it again for those that are left."
    assert json.loads(leadsync("events", "verify-again", "--json").stdout) == found


def test_a_time_that_is_none_is_refused(leadsync: Run) -> None:
    """A faulty --before is told before anything is asked."""
    result = leadsync("events", "--before", "yesterday")

    assert (result.returncode, result.stderr.splitlines()[0]) == (
        2,
        "leadsync: invalid_field: --before takes a time such as 2026-11-24T10:00, not 'yesterday'.",
    )


def test_why_tells_who_when_where_and_instead_of_what(gateway: CannedGateway, leadsync: Run) -> None:
    """Every value is told with its author, time, side, event and reason, and with what it replaced."""
    name = {"field": "firstName", "side": "platform", "before": "Ada", "after": "Augusta", "because": "it changed"}
    by_sync: Json = {"decisionId": "d2", "decidedAt": "2026-01-02T10:00:00Z", "outcome": "updated", "actor": "only"}
    by_sync |= {"integrationId": "only", "recordId": "5", "reason": None, "eventSource": "CRM_UI:7"}
    edit: Json = {
        "field": "phone",
        "side": "platform",
        "before": None,
        "after": "1",
        "because": "edited here",
    }
    by_hand: Json = {"decisionId": "d1", "decidedAt": "2026-01-01T10:00:00Z", "outcome": "created", "actor": "grace"}
    both = [by_sync | {"fields": [name]}, by_hand | {"fields": [edit]}]
    gateway.on("GET", "/leads/l1/history", 200, {"explanations": both, "nextPageToken": None})

    result = leadsync("why", "l1", "firstName")

    assert gateway.asked[0].sent == {"field": "firstName", "pageSize": "50"}
    assert result.stdout.splitlines() == [
        "2026-01-02T10:00:00Z  updated by the sync with only, record 5, last event on it by CRM_UI:7  (decision d2)",
        '  firstName on the platform became "Augusta", it was "Ada", from the CRM: it changed',
        "2026-01-01T10:00:00Z  created by grace  (decision d1)",
        '  phone on the platform became "1", it was blank: edited here',
    ]


def test_a_doctor_who_finds_something_broken_exits_with_1(gateway: CannedGateway, leadsync: Run) -> None:
    """Every check is shown with what to do about it; only a failed one makes the exit code 1."""
    warning = {"name": "quota", "state": "warning", "finding": "80 % used", "fix": "Wait."}
    failed = {"name": "token", "state": "failed", "finding": "refused", "fix": "Make a new one."}
    gateway.with_one_integration()
    path = "/crm-integration/only/check"
    gateway.on("GET", path, 200, {"checks": [warning], "ok": True}, {"checks": [warning, failed], "ok": False})

    first, second, third = leadsync("doctor"), leadsync("doctor"), leadsync("doctor", "--json")

    assert first.returncode == 0
    assert second.returncode == 1
    assert second.stdout.splitlines() == [
        "! quota  80 % used",
        "         → Wait.",
        "✗ token  refused",
        "         → Make a new one.",
    ]
    assert third.returncode == 1
    assert json.loads(third.stdout)["checks"][1]["name"] == "token"


def test_fields_show_what_they_are_mapped_to(gateway: CannedGateway, leadsync: Run) -> None:
    """The CRM's properties are listed with label, type, options and lead field."""
    options = [{"value": "NEW", "label": "New"}, {"value": "OPEN", "label": "Open"}]
    field: Json = {"property": "hs_lead_status", "label": "Lead status", "type": "enumeration", "readOnly": False}
    field |= {"options": options, "mappedTo": "status"}
    gateway.on("GET", "/crm-integration/i1/fields", 200, {"fields": [field]})

    result = leadsync("integration", "fields", "i1")

    row = result.stdout.splitlines()[1].split()
    assert row == ["hs_lead_status", "status", "Lead", "status", "enumeration", "no", "NEW,", "OPEN"]


def test_a_merge_shows_for_the_record_that_went_away() -> None:
    """Asked for a record or a lead, a webhook's other events are left out; a merge counts for all its records."""
    merge = {"type": "contact.merge", "recordId": "8", "mergedRecordIds": ["5", "6"], "work": WORK | {"leadId": "l2"}}
    page = [delivery("routed", None, CHANGE | {"work": WORK}, merge)]

    assert [row["type"] for row in rows_of(page, record_id="5")] == [CHANGE["type"], "contact.merge"]
    assert [row["type"] for row in rows_of(page, record_id="6")] == ["contact.merge"]
    assert [row["type"] for row in rows_of(page, lead_id="l1")] == [CHANGE["type"]]


def test_a_value_that_was_only_sent_has_not_become_anything() -> None:
    """A write under way is told as sent, and one that the CRM did not take as refused."""
    change = {"field": "phone", "side": "crm", "before": "", "after": "1", "because": ""}
    sent = {"decisionId": "d", "decidedAt": "2026-01-02T10:00:00Z", "actor": "i1", "integrationId": "i1"}

    lines = {
        outcome: list(lines_of(sent | {"outcome": outcome, "fields": [change]})) for outcome in ("pushed", "refused")
    }

    assert lines["pushed"][1] == '  phone in the CRM was sent as "1", it was blank, from the platform'
    assert lines["refused"][1] == '  phone in the CRM was refused as "1", it was blank, from the platform'
