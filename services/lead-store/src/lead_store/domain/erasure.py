"""Who belongs to a person whose data is erased (R17, L11): leads, records and e-mails, found step by step.

A person may have several leads: those that were merged into one of them, those whose record was merged into one of its
records, and those that had one of its records before.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from lead_store.domain.lead import Lead
from lead_store.domain.rules import Account, Target


@dataclass(slots=True)
class Person:
    """What has been found of the person so far."""

    leads: dict[str, Lead] = field(default_factory=dict)
    by_integration: dict[str, set[str]] = field(default_factory=dict)  # record ids, for tombstones
    by_account: dict[Account, set[str]] = field(default_factory=dict)  # record ids, for deliveries

    @property
    def emails(self) -> set[str]:
        """Keys of all e-mails that are known of the person."""
        return {email for lead in self.leads.values() for email in lead.all_emails}

    def add_record(self, integration_id: str, record_id: str, target: Target | None) -> None:
        """Note the record whose erasure was reported. Without a target its account is not connected any more."""
        self.by_integration.setdefault(integration_id, set()).add(record_id)
        if target is not None:
            self.by_account.setdefault(Account(target.provider, target.account_id), set()).add(record_id)

    def add_lead(self, lead: Lead) -> bool:
        """Note a lead and its records; False if it is known already."""
        if lead.lead_id in self.leads:
            return False
        self.leads[lead.lead_id] = lead
        for link in lead.links:
            records = {link.record_id, *link.former_record_ids} - {""}
            self.by_integration.setdefault(link.integration_id, set()).update(records)
            self.by_account.setdefault(Account(link.provider, link.account_id), set()).update(records)
        return True


@dataclass(frozen=True, slots=True)
class OpenErasure:
    """Records of an erased person, all of one account, about which deliveries may still hold events."""

    erasure_id: str
    tenant_id: str
    integration_id: str  # that was told of the erasure
    account: Account
    record_ids: frozenset[str]


def had_before(leads: Collection[Lead], account: Account, record_ids: Collection[str]) -> list[Lead]:
    """Those of the leads that had one of these records and use none of them now. A user may be another person."""
    return [
        lead
        for lead in leads
        if not any(
            link.attached and Account(link.provider, link.account_id) == account and link.record_id in record_ids
            for link in lead.links
        )
    ]
