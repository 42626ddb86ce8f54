"""Leads that seem to be one person, since people have merged their records in the CRM (R15)."""

from dataclasses import dataclass
from typing import NamedTuple

from lead_store.domain.lead import Lead
from lead_store.domain.link import Link
from lead_store.domain.work_item import WorkItem
from lead_store.mongo.store import Store

LONGEST_CHAIN = 10  # merges of merged records that are followed


class Duplicate(NamedTuple):
    """The surviving record's lead, and the one whose record was merged away."""

    integration_id: str
    record_id: str
    lead_id: str
    duplicate_lead_id: str


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The use case."""

    store: Store

    def page(self, tenant_id: str, integration_id: str, after: str, limit: int) -> tuple[list[Duplicate], str]:
        """Some pairs, and the lead after which the next page begins; empty if there is none.

        A page is longer than `limit` if its last lead is a duplicate in several CRMs.
        """
        pairs: list[Duplicate] = []
        while leads := self.store.leads.duplicates(tenant_id, after, limit):
            found = self._pairs(tenant_id, integration_id, leads)
            for lead in leads:
                pairs += (pair for pair in found if pair.duplicate_lead_id == lead.lead_id)
                after = lead.lead_id
                if len(pairs) >= limit:
                    return pairs, after
        return pairs, ""

    def _pairs(self, tenant_id: str, integration_id: str, leads: list[Lead]) -> list[Duplicate]:
        """Each lead with the one that keeps its record, as far as that is still there."""
        asked = {
            (link.integration_id, lead.lead_id): link.duplicate_of
            for lead in leads
            for link in lead.links
            if link.detached_reason == "duplicate_lead" and integration_id in {"", link.integration_id}
        }
        pairs: list[Duplicate] = []
        for _ in range(LONGEST_CHAIN):
            if not asked:
                break
            work_items = self.store.work_lists.of_records([(one, record_id) for (one, _), record_id in asked.items()])
            keepers = self.store.leads.by_ids(tenant_id, {work_item.lead_id for work_item in work_items.values()})
            further = {}
            for (one, duplicate), record_id in asked.items():
                keeper, link = _keeper(work_items.get((one, record_id)), keepers)
                if keeper and link and link.attached:
                    pairs.append(Duplicate(one, link.record_id, keeper.lead_id, duplicate))
                elif link and link.duplicate_of:  # its record was merged away too
                    further[one, duplicate] = link.duplicate_of
            asked = further
        return pairs


def _keeper(work_item: WorkItem | None, leads: dict[str, Lead]) -> tuple[Lead | None, Link | None]:
    """The live lead that a record's work item names, and its link."""
    lead = leads.get(work_item.lead_id) if work_item is not None else None
    if work_item is None or lead is None or lead.deleted_at is not None:
        return None, None
    return lead, lead.link(work_item.integration_id)
