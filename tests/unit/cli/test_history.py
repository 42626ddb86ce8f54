"""`events`, `why`, `doctor` and `integration fields`: texts for people."""

import json
import subprocess
from collections.abc import Callable

from leadsync_cli.commands.events import outcome_of, rows_of
from leadsync_cli.commands.why import lines_of
from unit.cli.fake_gateway import FakeGateway, Json

Run = Callable[..., subprocess.CompletedProcess[str]]

WORK = {"state": "idle", "outcome": "updated", "reason": None, "decidedAt": "2026-01-01T10:00:01Z", "leadId": "l1"}
CHANGE = {"type": "contact.propertyChange", "recordId": "5", "property": "phone", "value": "1", "source": "CRM_UI"}


def delivery(state: str = "routed", reason: str | None = None, *events: Json) -> Json:
    """One webhook as the gateway shows it."""
    facts = {"deliveryKey": "k", "receivedAt": "2026-01-01T10:00:00Z", "integrationId": "only"}
    return facts | {"state": state, "reason": reason, "events": list(events)}


def test_each_event_is_a_row_with_its_outcome(gateway: FakeGateway, leadsync: Run) -> None:
    """Each event has a row with value and outcome; times are sent in UTC; events of other records are left out."""
    other = {"type": "contact.creation", "recordId": "6", "mergedRecordIds": [], "ignored": False, "work": None}
    page = {"events": [delivery("routed", None, CHANGE | {"work": WORK}, other)], "nextPageToken": None}
    gateway.on("GET", "/events", 200, page)

    result = leadsync("events", "--record", "5", "--state", "routed", "--after", "2026-01-01T12:00+02:00")

    wanted = {"recordId": "5", "state": "routed", "receivedAfter": "2026-01-01T10:00:00Z", "pageSize": "50"}
    assert gateway.requests[0].sent == wanted
    _, row = result.stdout.splitlines()
    assert row.split() == [
        "2026-01-01T10:00:00Z",
        *["contact.propertyChange", "5", "phone", "1", "CRM_UI", "l1", "updated"],
    ]


def test_the_outcome_of_an_event_is_shown_in_words() -> None:
    """Waiting, failed, ignored and stored events are named so, with the reason if there is one."""
    failed = CHANGE | {"work": WORK | {"state": "failed", "outcome": "failed", "reason": "ambiguous_match"}}

    assert outcome_of(delivery("new"), CHANGE) == "stored, about to become work"
    assert outcome_of(delivery("ignored", "webhooks_disabled"), CHANGE) == "ignored: webhooks_disabled"
    assert outcome_of(delivery(), CHANGE | {"ignored": True}) == "ignored: this kind is not synced"
    assert outcome_of(delivery(), failed) == "failed, see `leadsync work list`; failed: ambiguous_match"
    assert outcome_of(delivery(), CHANGE | {"work": WORK | {"state": "due"}}) == "waiting for a worker; updated"


def test_unverified_webhooks_are_counted_and_verified_again(gateway: FakeGateway, leadsync: Run) -> None:
    """They are counted by reason and verified again on demand; the command says if some are left."""
    count = {"provider": "hubspot", "reason": "signature_invalid", "requests": 3, "oldestReceivedAt": "2026-01-01"}
    gateway.on("GET", "/events/quarantine", 200, {"requests": 3, "oldestReceivedAt": "2026-01-01", "counts": [count]})
    found = {"verified": 2, "stillRefused": 0, "left": 1}
    gateway.on("POST", "/events/verify-again", 200, found)

    _, row = leadsync("events", "quarantine").stdout.splitlines()
    assert row.split() == ["hubspot", "signature_invalid", "3", "2026-01-01"]
    assert leadsync("events", "verify-again").stdout.splitlines()[-1] == "Run it again: some are left."
    assert json.loads(leadsync("events", "verify-again", "--json").stdout) == found


def test_a_wrong_time_is_refused(leadsync: Run) -> None:
    """A wrong --before is refused before anything is sent."""
    result = leadsync("events", "--before", "yesterday")

    assert (result.returncode, result.stderr.splitlines()[0]) == (
        2,
        "leadsync: invalid_field: --before takes a time such as 2026-11-24T10:00, not 'yesterday'.",
    )


def test_why_shows_author_time_side_and_replaced_value(gateway: FakeGateway, leadsync: Run) -> None:
    """Every value is shown with its author, time, side, event and reason, and the value that it replaced."""
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

    assert gateway.requests[0].sent == {"field": "firstName", "pageSize": "50"}
    assert result.stdout.splitlines() == [
        "2026-01-02T10:00:00Z  updated by the sync with only, record 5, last event by CRM_UI:7  (decision d2)",
        '  firstName on the platform became "Augusta", it was "Ada", from the CRM: it changed',
        "2026-01-01T10:00:00Z  created by grace  (decision d1)",
        '  phone on the platform became "1", it was blank: edited here',
    ]


def test_the_doctor_exits_with_1_if_a_check_fails(gateway: FakeGateway, leadsync: Run) -> None:
    """Every check is shown, with its fix if there is one; only a failed one makes the exit code 1."""
    warning = {"name": "quota", "state": "warning", "finding": "80 % used", "fix": "Wait."}
    failed = {"name": "token", "state": "failed", "finding": "refused", "fix": "Make a new one."}
    good = {"name": "url", "state": "ok", "finding": "fine", "fix": None}
    gateway.with_one_integration()
    path = "/crm-integration/only/check"
    answers = {"checks": [warning], "ok": True}, {"checks": [warning, failed, good], "ok": False}
    gateway.on("GET", path, 200, *answers)

    first, second, third = leadsync("doctor"), leadsync("doctor"), leadsync("doctor", "--json")

    assert first.returncode == 0
    assert second.returncode == 1
    assert second.stdout.splitlines() == [
        "! quota  80 % used",
        "         → Wait.",
        "✗ token  refused",
        "         → Make a new one.",
        "✓ url    fine",
    ]
    assert third.returncode == 1
    assert json.loads(third.stdout)["checks"][1]["name"] == "token"


def test_properties_show_their_lead_fields(gateway: FakeGateway, leadsync: Run) -> None:
    """The CRM's properties are listed with label, type, options and lead field."""
    options = [{"value": "NEW", "label": "New"}, {"value": "OPEN", "label": "Open"}]
    field: Json = {"property": "hs_lead_status", "label": "Lead status", "type": "enumeration", "readOnly": False}
    field |= {"options": options, "mappedTo": "status"}
    gateway.on("GET", "/crm-integration/i1/fields", 200, {"fields": [field]})

    result = leadsync("integration", "fields", "i1")

    row = result.stdout.splitlines()[1].split()
    assert row == ["hs_lead_status", "status", "Lead", "status", "enumeration", "no", "NEW,", "OPEN"]


def test_a_merge_is_shown_for_the_merged_record() -> None:
    """For one record or lead, a webhook's other events are left out; a merge counts for all its records."""
    merge = {"type": "contact.merge", "recordId": "8", "mergedRecordIds": ["5", "6"], "work": WORK | {"leadId": "l2"}}
    page = [delivery("routed", None, CHANGE | {"work": WORK}, merge)]

    assert [row["type"] for row in rows_of(page, record_id="5")] == [CHANGE["type"], "contact.merge"]
    assert [row["type"] for row in rows_of(page, record_id="6")] == ["contact.merge"]
    assert [row["type"] for row in rows_of(page, lead_id="l1")] == [CHANGE["type"]]


def test_a_value_that_was_only_sent_is_shown_as_sent() -> None:
    """An open write is shown as sent, and a write that the CRM refused as refused."""
    change = {"field": "phone", "side": "crm", "before": "", "after": "1", "because": ""}
    sent = {"decisionId": "d", "decidedAt": "2026-01-02T10:00:00Z", "actor": "i1", "integrationId": "i1"}

    lines = {
        outcome: list(lines_of(sent | {"outcome": outcome, "fields": [change]})) for outcome in ("pushed", "refused")
    }

    assert lines["pushed"][1] == '  phone in the CRM was sent as "1", it was blank, from the platform'
    assert lines["refused"][1] == '  phone in the CRM was refused as "1", it was blank, from the platform'
