"""What people entered, and which of it other people have replaced knowingly: the truth that the audit compares with."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from hubspot_simulator.core.contact import Contact
from lead_store.domain.lead import Lead
from lead_store.domain.link import Link
from proof.machine.config import PROPERTIES, Config, Tenant
from proof.machine.hub import Hub

FIELD_OF = {name: one for one, name in PROPERTIES.items()}


def normal(name: str, value: str) -> str:
    """Values with the same normal form are one value (R10)."""
    value = value.strip()
    if name == "email":
        return value.lower()
    if name == "phone":
        return "".join(sign for sign in value if sign.isdigit() or sign == "+") or value
    return value


def same(name: str, one: str, other: str) -> bool:
    """Whether two values are one."""
    return normal(name, one) == normal(name, other)


@dataclass
class Entry:
    """One value that somebody entered. `owner` is a lead or a record; `replaced` by somebody who saw it."""

    tenant: str
    owner: str
    name: str
    value: str
    replaced: str = ""
    replaced_on: str = ""  # the lead or record that it was replaced on
    cleared: bool = False  # or only taken away, where a blank counts for nothing

    def __str__(self) -> str:
        end = f" (replaced by {self.replaced})" if self.replaced else ""
        return f"{self.name}={self.value!r} on {self.owner[-6:]}{end}"


@dataclass
class Ledger:
    """All entries, how many writes they may cause, and what was asked for beside."""

    hub: Hub
    config: Config
    leads: Callable[[str], list[Lead]]  # all leads of a tenant, deleted ones too
    entries: list[Entry] = field(default_factory=list)
    may_write: Counter[str] = field(default_factory=Counter)  # tenant → effective writes that people have caused
    pushed: Counter[str] = field(default_factory=Counter)  # lead → how often it was pushed
    deleted: set[str] = field(default_factory=set)  # leads that people have deleted
    merged: dict[tuple[str, str], str] = field(default_factory=dict)  # (tenant, record) → what it lives on as
    erased: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))  # record → its values
    by_merge: dict[tuple[str, str], set[str]] = field(default_factory=dict)  # and those that came by records merged in
    forgotten_leads: set[str] = field(default_factory=set)
    forgotten_emails: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def root(self, tenant: str, record: str) -> str:
        """The record that this one lives on as."""
        while (tenant, record) in self.merged:
            record = self.merged[tenant, record]
        return record

    def roots(self, lead: Lead) -> set[str]:
        """All records that a lead is or was linked to, as they live on."""
        return {self.root(lead.tenant_id, record) for record in lead.record_ids}

    def of_pair(self, lead: Lead, name: str) -> Iterator[Entry]:
        """What was entered for one field on a lead, on its records, and on other leads that had these records."""
        yield from self._of(lead.tenant_id, name, self.roots(lead), lead.lead_id)

    def _of(self, tenant: str, name: str, roots: set[str], *owners: str) -> Iterator[Entry]:
        """What was entered for one field on these records, on leads that had them, and by these owners."""
        those = {*owners, *(one.lead_id for one in self.leads(tenant) if self.roots(one) & roots)}
        for entry in self.entries:
            its = entry.owner in those or self.root(tenant, entry.owner) in roots
            if entry.tenant == tenant and entry.name == name and its:
                yield entry

    def on_platform(self, tenant: Tenant, before: Lead | None, lead_id: str, name: str, value: str) -> None:
        """Somebody sets a field of a lead; `before` is what they saw."""
        self.may_write[tenant.name] += 1
        if before is not None:
            shown = before.values.get(name, "")
            link, record = before.link(tenant.integration_id), self._record(tenant, before)
            came_over = (change := before.changed.get(name)) is not None and change.source == "hubspot"
            both = came_over or self._agreed(link, record, before, name)
            for entry in list(self.of_pair(before, name)):
                if same(name, entry.value, shown) and (entry.owner == lead_id or both):
                    self._replace(entry, value, f"{value!r} on the platform", lead_id)
            self._open(value, self.of_pair(before, name))
            # A lead that was imported while its record was being erased: it goes with what was entered meanwhile (R17).
            if any(self.was_erased(tenant.name, record) for record in before.record_ids):
                self.forgotten_leads.add(lead_id)
        self._enter(tenant, lead_id, name, value)

    def on_record(self, tenant: Tenant, contact: Contact, lead: Lead | None, prop: str, value: str) -> None:
        """Somebody sets a property; `lead` is the one that is linked to it."""
        if (name := FIELD_OF.get(prop)) is None:
            return
        if not value.strip() and self.config.blank == "keep":
            self.may_write[tenant.name] += 1  # it is filled again
        shown, versions = contact.values.get(prop, ""), contact.versions.get(prop, [])
        ours = bool(versions) and versions[-1].author.is_app
        both = lead is not None and (ours or self._agreed(lead.link(tenant.integration_id), contact, lead, name))
        root = self.root(tenant.name, str(contact.id))
        for entry in self.entries:
            if entry.tenant != tenant.name or entry.name != name or not same(name, entry.value, shown):
                continue
            if self.root(tenant.name, entry.owner) == root or (both and lead and entry.owner == lead.lead_id):
                self._replace(entry, value, f"{value!r} in the CRM", str(contact.id))
        # A lead that is linked to a record which was merged into this one is not found by its link yet.
        self._open(value, self.of_pair(lead, name) if lead is not None else self._of(tenant.name, name, {root}))
        self._enter(tenant, str(contact.id), name, value)

    def new_record(self, tenant: Tenant, contact: Contact) -> None:
        """Somebody made a record."""
        for prop, name in FIELD_OF.items():
            if value := contact.values.get(prop, ""):
                self._enter(tenant, str(contact.id), name, value)

    def resolved(self, tenant: Tenant, lead: Lead, name: str, choice: str, seen: tuple[str, str]) -> None:
        """A person has chosen between two values."""
        self.may_write[tenant.name] += 1
        for entry in list(self.of_pair(lead, name)):
            if any(same(name, entry.value, one) for one in seen) and not same(name, entry.value, choice):
                self._replace(entry, choice, f"{choice!r} chosen by a person", lead.lead_id)
        self._enter(tenant, lead.lead_id, name, choice)

    def merge(self, tenant: Tenant, lost: tuple[str, ...], survivor: Contact, leads: list[Lead]) -> None:
        """A person has merged records: what the survivor does not show was given up."""
        self.may_write[tenant.name] += 1 + len(leads)
        for record in lost:
            if record != str(survivor.id):
                self.merged[tenant.name, record] = str(survivor.id)
        for entry in self.entries:
            now = survivor.values.get(PROPERTIES[entry.name], "")
            its = entry.tenant == tenant.name and self.root(tenant.name, entry.owner) == str(survivor.id)
            if its and not same(entry.name, entry.value, now):
                self._replace(entry, now, f"{now!r} by a merge", str(survivor.id))

    def erase(self, tenant: Tenant, contact: Contact, leads: list[Lead], merged: list[Lead]) -> None:
        """A person is to be forgotten, with everything that was entered about them.

        Those `merged` are leads of records that were merged into this one: it is one person. What is known of it only
        by a merge is kept apart, since nobody can know it whom the event of that merge has never reached.
        """
        record, key = str(contact.id), (tenant.name, str(contact.id))
        own = {record, *(lead.lead_id for lead in leads)}
        owners = own | {*map(str, contact.merged_ids), *(lead.lead_id for lead in merged)}
        mine = [e for e in self.entries if e.tenant == tenant.name and self._belongs(e, owners, record)]
        self.erased[key] |= {e.value for e in mine if e.name == "company" and e.value}
        self.erased[key] |= {v.value for v in contact.versions.get("company", []) if v.value}
        self.by_merge[key] = self.erased[key] - {e.value for e in mine if e.owner in own}
        emails = [*contact.emails(), *(lead.values.get("email", "") for lead in (*leads, *merged))]
        self.forgotten_emails[tenant.name] |= {normal("email", email) for email in emails if email}
        self.forgotten_leads |= {lead.lead_id for lead in (*leads, *merged)}
        self.entries = [entry for entry in self.entries if entry not in mine]

    def forgotten(self, tenant: Tenant, record: Contact) -> bool:
        """Whether a record is, or has the e-mail of, somebody who was to be forgotten."""
        keys = {normal("email", email) for email in record.emails()}
        return bool(keys & self.forgotten_emails[tenant.name]) or any(
            self.was_erased(tenant.name, str(one)) for one in (record.id, *record.merged_ids)
        )

    def was_erased(self, tenant: str, record: str) -> bool:
        """Whether a record, or what it lives on as, was to be forgotten."""
        return (tenant, self.root(tenant, record)) in self.erased

    def _belongs(self, entry: Entry, owners: set[str], record: str) -> bool:
        return entry.owner in owners or self.root(entry.tenant, entry.owner) == record

    def _record(self, tenant: Tenant, lead: Lead) -> Contact | None:
        link = lead.link(tenant.integration_id)
        return self.hub.contacts(tenant).get(link.record_id) if link is not None and link.attached else None

    def _agreed(self, link: Link | None, record: Contact | None, lead: Lead, name: str) -> bool:
        """Whether both sides show what they last agreed on, so that who sees one sees both."""
        base = link.base.get(name) if link is not None and link.attached else None
        if base is None or record is None:
            return False
        theirs = record.values.get(PROPERTIES[name], "")
        return same(name, base.platform, lead.values.get(name, "")) and same(name, base.crm, theirs)

    def _replace(self, entry: Entry, value: str, by: str, owner: str) -> None:
        if not value.strip() and self.config.blank == "keep":
            entry.cleared = True  # it may come back from the other side, and is no loss if it does not
        elif not same(entry.name, entry.value, value):
            entry.replaced, entry.replaced_on = by, owner

    def _open(self, value: str, entries: Iterable[Entry]) -> None:
        """Where a blank counts for nothing, a field that is cleared may show again whatever the other side has."""
        if not value.strip() and self.config.blank == "keep":
            for entry in entries:
                entry.cleared = entry.cleared or bool(entry.replaced)
                entry.replaced = ""

    def _enter(self, tenant: Tenant, owner: str, name: str, value: str) -> None:
        if value.strip() or self.config.blank == "clear":
            self.entries.append(Entry(tenant.name, owner, name, value))
