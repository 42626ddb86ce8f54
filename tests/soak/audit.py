"""The audit: what must be true after any run, whatever went wrong during it. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

from soak.final_state import Acknowledged, FinalState, Json, is_covered
from soak.ledger import FIELDS, Ledger

FIELD_NAMES = {"firstName": "first_name", "lastName": "last_name", "company": "company", "jobTitle": "job_title"}
"""The API's names → lead-store's."""
COMPARED = {"email": "email"} | {FIELD_NAMES[api]: hubspot for api, hubspot in FIELDS.items()}
MOST_ACK_MS = 1_000
MOST_429 = 0.01  # of all calls
_EXPLAINED = frozenset({"skipped", "failed"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A law that does not hold, and where."""

    law: str
    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.law}: {self.what}: {self.where}"


def audit(
    left: FinalState, acknowledged: Iterable[Acknowledged], ledger: Ledger, needless_writes: int
) -> list[Finding]:
    """Look for everything that must not be. `needless_writes` were made when everything was looked at once more."""
    kept = list(acknowledged)
    return [
        *_unkept(left, kept),
        *_unequal(left, {record_id for one in kept for record_id in one.gone}),
        *_contacts_alone(left),
        *_leads_alone(left),
        *_twice(left),
        *_lost_on_the_platform(left, ledger),
        *_lost_in_hubspot(left),
        *_too_many_calls(left, ledger, needless_writes),
    ]


def slow_answers(answer_ms: Sequence[int]) -> list[Finding]:
    """Where one process of each kind always runs, a webhook is answered within a second."""
    ordered = sorted(answer_ms)
    p99 = ordered[len(ordered) * 99 // 100] if ordered else 0
    return [Finding("ack", "webhooks were answered late", f"99th percentile {p99} ms")] if p99 >= MOST_ACK_MS else []


def _unkept(left: FinalState, acknowledged: Iterable[Acknowledged]) -> Iterator[Finding]:
    """L10: each touch of an acknowledged delivery is decided later, due, failed, or ignored on purpose."""
    for one in acknowledged:
        kept = left.deliveries.get(one.key)
        if kept is None:
            yield Finding("L10", "an acknowledged delivery is not in the inbox", one.key)
        elif kept["state"] == "ignored" and kept["reason"]:
            continue
        elif kept["state"] != "routed":
            yield Finding("L10", f"an acknowledged delivery is still {kept['state']}", one.key)
        else:
            # A decision bears an earlier time than the delivery before it if the clock was put back in between.
            since = kept["recorded_at"] - left.clock_ahead
            for record_id in one.record_ids:
                if not is_covered(left.work_item_of_record(record_id), since):
                    yield Finding("L10", "an acknowledged touch has no later decision", f"{one.key} {record_id}")


def _unequal(left: FinalState, reported_gone: Set[str]) -> Iterator[Finding]:
    """L1: each pair is equal in every mapped field, or the field waits for a person; L8: no link to what is gone.

    A contact whose deletion event was lost is noticed by the next pass over the archive: a run is too short for
    that. A further address of the contact is as good as its first one.
    """
    for lead_id, lead in left.leads.items():
        link = left.link(lead)
        if lead["deleted_at"] is not None or link is None or not link["record_id"] or link["detached_reason"]:
            continue
        contact = left.contacts.get(link["record_id"])
        pair = f"lead {lead_id} contact {link['record_id']}"
        if contact is None or contact["archived"]:
            if link["record_id"] in reported_gone and not _has_failed(left, link["record_id"]):
                yield Finding("L8", "a lead is linked to a contact that is gone", pair)
            continue
        waiting = {*link["conflicts"], *link["refused"], *link["overwritten"]}
        for name, prop in COMPARED.items():
            ours, theirs = lead["values"].get(name, ""), contact["properties"].get(prop, "")
            if ours != theirs and name not in waiting and not (name == "email" and ours in _addresses(contact)):
                yield Finding("L1", f"{name} differs: {ours!r} here, {theirs!r} in HubSpot", pair)


def _contacts_alone(left: FinalState) -> Iterator[Finding]:
    """L5: every contact is a lead, or it is said why not."""
    linked = {link["record_id"] for lead in left.leads.values() if (link := _active(left, lead))}
    for record_id, contact in left.contacts.items():
        if contact["archived"] or record_id in linked:
            continue
        work_item = left.work_item_of_record(record_id)
        if work_item is None or (work_item.get("outcome") not in _EXPLAINED and not work_item.get("failed_at")):
            yield Finding("L5", "a contact has no lead, and nothing says why", f"{record_id} {_described(work_item)}")


def _leads_alone(left: FinalState) -> Iterator[Finding]:
    """L5: every lead is a contact, or it is said why not."""
    for lead_id, lead in left.leads.items():
        if lead["deleted_at"] is not None or _active(left, lead):
            continue
        link = left.link(lead)
        if link is not None and link["detached_reason"]:
            contact = left.contacts.get(link["record_id"])
            if contact is not None and not contact["archived"] and link["detached_reason"] == "record_archived":
                yield Finding("L5", "a lead was not linked again after its contact's restore", lead_id)
            continue
        work_item = left.work_items.get(f"{left.integration_id}/lead/{lead_id}")
        if work_item is None or not work_item.get("failed_at"):
            yield Finding("L5", "a lead has no contact, and nothing says why", f"{lead_id} {_described(work_item)}")


def _twice(left: FinalState) -> Iterator[Finding]:
    """L6: one lead per record, one record per mark, nobody twice on either side."""
    leads = [lead for lead in left.leads.values() if lead["deleted_at"] is None]
    contacts = [contact for contact in left.contacts.values() if not contact["archived"]]
    groups = {
        "several leads have one contact": [
            (link["record_id"], lead["_id"]) for lead in leads if (link := _active(left, lead))
        ],
        "several leads have one e-mail": [
            (_email(lead["values"]), lead["_id"])
            for lead in leads
            if not _is_shown_as_duplicate(left, lead) and not _has_lost_a_merged_contact(left, lead)
        ],
        "several contacts have one e-mail": [(_email(c["properties"]), c["id"]) for c in contacts],
        "several contacts have one mark": [(c["properties"].get("leadsync_lead_id", ""), c["id"]) for c in contacts],
    }
    for what, pairs in groups.items():
        owners: dict[str, list[str]] = defaultdict(list)
        for key, owner in pairs:
            owners[key].append(owner)
        for key, some in owners.items():
            if key and len(some) > 1:
                yield Finding("L6", what, f"{key}: {' '.join(some)}")


def _lost_on_the_platform(left: FinalState, ledger: Ledger) -> Iterator[Finding]:
    """L2: whatever the API acknowledged is there: the lead, and each value, now or in the history."""
    for lead_id in ledger.leads:
        if lead_id not in left.leads:
            yield Finding("L2", "an acknowledged lead is gone", lead_id)
        elif lead_id not in ledger.deleted_leads and lead_id not in left.api_leads:
            yield Finding("L2", "an acknowledged lead is not shown", lead_id)
    for edit in ledger.edits:
        if (FIELD_NAMES[edit.field], edit.value) not in left.history.get(edit.lead_id, set()):
            yield Finding("L2", f"an acknowledged edit is in no history: {edit.field}={edit.value!r}", edit.lead_id)


def _lost_in_hubspot(left: FinalState) -> Iterator[Finding]:
    """L2: what a person entered in HubSpot and a write of ours replaced is known: in the history or a conflict."""
    leads = {link["record_id"]: lead for lead in left.leads.values() if (link := left.link(lead))}
    for record_id, contact in left.contacts.items():
        lead = leads.get(record_id)
        if lead is None or contact["mergedIds"]:  # a merge joins two histories: who replaced whom is not to be seen
            continue
        for name, prop in COMPARED.items():
            for value in _replaced_by_us(contact["propertiesWithHistory"].get(prop, [])):
                if not _is_known(left, lead, name, value):
                    yield Finding("L2", f"{name}={value!r} was replaced unseen", f"lead {lead['_id']} {record_id}")


def _replaced_by_us(versions: list[Json]) -> Iterator[str]:
    """Values of people that a version of ours follows; `versions` are newest first."""
    for newer, older in pairwise(versions):
        if newer["sourceType"] == "INTEGRATION" and older["sourceType"] != "INTEGRATION":
            yield older["value"]


def _is_known(left: FinalState, lead: Json, name: str, value: str) -> bool:
    link = left.link(lead) or {}
    held = {*map(str, link.get("conflicts", {}).get(name, [])), *map(str, link.get("overwritten", {}).get(name, []))}
    return (name, value) in left.history.get(lead["_id"], set()) or value in held or not value


def _too_many_calls(left: FinalState, ledger: Ledger, needless_writes: int) -> Iterator[Finding]:
    """Calls stay within the quota, no more is written than was entered, and nothing where nothing was."""
    if needless_writes:
        yield Finding("L3", "looking at everything once more wrote to HubSpot", f"{needless_writes} writes")
    calls = left.calls
    refused, total = calls["statuses"].get("429", 0), calls["total"]
    if refused > max(5, total * MOST_429):
        yield Finding("quota", "HubSpot refused calls with 429", f"{refused} of {total}")
    counts: Counter[str] = ledger.counts
    entered = sum(n for what, n in counts.items() if what.startswith(("leads", "contacts", "same person")))
    unsure = counts["API calls given up"] + counts["API calls unanswered"]
    if calls["writes"]["total"] > entered + unsure:
        yield Finding("L3", "more was written than was entered", f"{calls['writes']['total']} > {entered + unsure}")


def _active(left: FinalState, lead: Json) -> Json | None:
    link = left.link(lead)
    return link if link is not None and link["record_id"] and not link["detached_reason"] else None


def _has_failed(left: FinalState, record_id: str) -> bool:
    """Whether people see that the work on a contact has failed, and why."""
    work_item = left.work_item_of_record(record_id)
    return work_item is not None and bool(work_item.get("failed_at") and work_item.get("reason"))


def _is_shown_as_duplicate(left: FinalState, lead: Json) -> bool:
    """Whether people see that another lead has this one's contact, as after a merge in HubSpot (R15)."""
    link, work_item = left.link(lead), left.work_items.get(f"{left.integration_id}/lead/{lead['_id']}", {})
    detached = link is not None and link["detached_reason"] == "duplicate_lead"
    return detached or (
        link is None and bool(work_item.get("failed_at")) and work_item.get("reason") == "ambiguous_match"
    )


def _has_lost_a_merged_contact(left: FinalState, lead: Json) -> bool:
    """Whether a merge in HubSpot gave the lead its e-mail and the contact was deleted later.

    Another lead may have had that e-mail and no contact yet. No contact has the e-mail any more, so that lead gets one.
    """
    link = left.link(lead)
    return link is not None and link["detached_reason"] == "record_archived" and bool(link["former_record_ids"])


def _addresses(contact: Json) -> Set[str]:
    """The e-mail addresses of a contact. Any of them counts as the lead's until a person changes it."""
    properties = contact["properties"]
    return {properties.get("email", ""), *properties.get("hs_additional_emails", "").split(";")} - {""}


def _email(values: Json) -> str:
    return str(values.get("email", "")).lower()


def _described(work_item: Json | None) -> str:
    if work_item is None:
        return "(no work item)"
    return f"(work item: {work_item.get('outcome', '')} {work_item.get('reason', '')})"
