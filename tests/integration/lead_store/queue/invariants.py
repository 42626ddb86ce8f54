"""What must be true of a story once nothing is left to do, whatever happened to its processes.

These are the invariants of the queue protocol's model: nothing acknowledged is lost, nothing is done twice, nothing is
given up but what cannot be done, a work item's commits come in the order of their fences, and what is asked of the
CRM is
bounded by the number of attempts.
"""

from collections.abc import Iterator
from typing import Any

from integration.lead_store.queue.story import LINKED, NEW, UNREADABLE, Story
from lead_store.mongo.counters import Counters


def broken(story: Story, attempts: int) -> list[str]:
    """Name every invariant that does not hold; `attempts` = how often somebody set out to do the work."""
    return [*_lost(story), *_doubled(story), *_wrongly_failed(story), *_out_of_order(story), *_excess(story, attempts)]


def _lost(story: Story) -> Iterator[str]:
    """Whatever was acknowledged has its effect on the other side, and nothing is left to do."""
    leads = {_record_id(lead): lead["values"] for lead in _leads(story)}
    for record_id in (LINKED, NEW, UNREADABLE):
        if record_id not in leads:
            yield f"lost: record {record_id} has no lead"
    for record_id, values in leads.items():
        record = story.crm.records.get(record_id)
        if record is None or record.values != values:
            yield f"lost: {record_id!r} is {values} here and {record.values if record else None} there"
    last_name = "Changed late" if story.late else "Changed there"
    if leads.get(LINKED, {}).get("last_name") != last_name or leads[LINKED].get("company") != "Changed here":
        yield f"lost: an edit of the linked pair: {leads.get(LINKED)}"
    for kept in story.database["deliveries"].find({"account_id": story.integration}):
        if kept["state"] != "routed":
            yield f"lost: delivery {kept['_id']} is {kept['state']}"
    if any(link["pending"] for lead in _leads(story) for link in lead["links"]):
        yield "lost: a write that nobody has judged"


def _doubled(story: Story) -> Iterator[str]:
    """One lead for each record, one record for each lead, one decision and one count for each change."""
    leads = _leads(story)
    if len(leads) != 4 or len({_record_id(lead) for lead in leads}) != 4:
        yield f"doubled: {len(leads)} leads of records {sorted(map(_record_id, leads))}"
    if len(story.crm.records) != 4:
        yield f"doubled: {len(story.crm.records)} records"
    if any(count != 1 for count in story.crm.effective.values()) or len(story.crm.effective) != 2:
        yield f"doubled: effective writes {dict(story.crm.effective)}"
    decisions = [one["outcome"] for one in story.database["decisions"].find({"tenant_id": story.tenant})]
    counters = Counters.of(story.database).get(story.integration)
    edits = {1, 2, 3} if story.late else {1}  # late edits are decided on with the earlier ones, or after them
    for what, count, expected in (
        ("decisions 'created'", decisions.count("created"), {4}),
        ("decisions 'updated'", decisions.count("updated") - 1, edits),  # one is the platform's own edit
        ("events received", counters.get("total_received"), {story.events}),
        ("records imported", counters.get("from_crm_created"), {3}),
        ("leads updated", counters.get("from_crm_updated"), edits),
        ("pairs linked", counters.get("linked"), {4}),
    ):
        if count not in expected:
            yield f"doubled: {count} {what}, not {expected}"


def _wrongly_failed(story: Story) -> Iterator[str]:
    """No work has failed: all of it could be done."""
    for work_item in story.database["work_items"].find(
        {"integration_id": story.integration, "failed_at": {"$ne": None}}
    ):
        yield f"given up: {work_item['_id']}: {work_item['reason']}"


def _out_of_order(story: Story) -> Iterator[str]:
    """Commits on a work item come in the order of their fences, whichever process made them."""
    newest: dict[str, int] = {}
    for work_item_id, fence in story.commits:
        if fence < newest.get(work_item_id, 0):
            yield f"out of order: fence {fence} committed after {newest[work_item_id]} on {work_item_id}"
        newest[work_item_id] = max(fence, newest.get(work_item_id, 0))


def _excess(story: Story, attempts: int) -> Iterator[str]:
    """No work item asks the CRM for more writes than attempts were made."""
    for work_item_id, calls in story.crm.calls.items():
        if calls > attempts:
            yield f"excess: {calls} writes from {work_item_id} in {attempts} attempts"


def _leads(story: Story) -> list[dict[str, Any]]:
    return list(story.database["leads"].find({"tenant_id": story.tenant, "deleted_at": None}))


def _record_id(lead: dict[str, Any]) -> str:
    return str(lead["links"][0]["record_id"]) if lead["links"] else ""
