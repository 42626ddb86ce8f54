"""The contacts of one account: identity (ids, merged ids, e-mails, unique values), and the writes."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random

from hubspot_simulator.core.authors import Author
from hubspot_simulator.core.changes import Change, Kind
from hubspot_simulator.core.clock import Clock, iso
from hubspot_simulator.core.contact import Contact
from hubspot_simulator.core.errors import (
    PropertyFault,
    conflict,
    invalid_properties,
    not_found,
    unique_value_taken,
    validation,
)
from hubspot_simulator.core.lifecycle import computed_on_create, keep_stage_forward, swap_own_email
from hubspot_simulator.core.properties import Catalog

FIRST_ID = 508_369_434_347


class ContactStore:
    """Every contact of one account, indexed by id, merged id, e-mail and unique property."""

    def __init__(
        self,
        portal_id: int,
        catalog: Catalog,
        clock: Clock,
        rng: Random,
        on_change: Callable[[Change], None],
        last_id: int = FIRST_ID,
    ) -> None:
        self.portal_id = portal_id
        self.catalog = catalog
        self.clock = clock
        self._rng = rng
        self._notify = on_change
        self._by_id: dict[int, Contact] = {}
        self._order: list[int] = []
        self._merged_into: dict[int, int] = {}
        self._owners: dict[tuple[str, str], int] = {}
        self.last_id = last_id
        self.blocked_emails: set[str] = set()
        self.read_lag_ms = 0

    # Reading

    def get(self, record_id: int | str) -> Contact | None:
        """Return the contact with this id, archived or not; a merged id gives the survivor (changelog)."""
        if isinstance(record_id, str):
            if not record_id.isdecimal():
                return None
            record_id = int(record_id)
        return self._by_id.get(self._merged_into.get(record_id, record_id))

    def is_merged_away(self, record_id: str) -> bool:
        """Whether the id belonged to a contact that was merged away."""
        return record_id.isdecimal() and int(record_id) in self._merged_into

    def find(self, value: str, id_property: str | None = None) -> Contact | None:
        """The contact by record id, or by e-mail (additional ones too), or by a unique property.

        Never an archived one by value: it has given up its identifiers.
        """
        if id_property in (None, "", "hs_object_id"):
            return self.get(value)
        name = str(id_property).lower()
        if name != "email" and name not in self.catalog.unique_names():
            raise validation(f"Property '{id_property}' is not a unique property of object type 0-1")
        owner = self._owners.get((name, _key(name, value)))
        return None if owner is None else self._by_id[owner]

    def shown(self, contact: Contact) -> Contact:
        """Return the contact as a read shows it now: with `read_lag_ms`, as it was that long ago."""
        if not self.read_lag_ms or contact.archived:
            return contact
        return contact.as_of(self.clock.now_ms() - self.read_lag_ms)

    def page(self, after: int, limit: int, archived: bool) -> tuple[list[Contact], int | None]:
        """Contacts in id order from the given id on, and the id that the next page starts with."""
        found: list[Contact] = []
        for position in range(bisect_left(self._order, after), len(self._order)):
            contact = self._by_id[self._order[position]]
            if contact.archived != archived:
                continue
            if len(found) == limit:
                return found, contact.id
            found.append(contact)
        return found, None

    def __iter__(self) -> Iterator[Contact]:
        return (self._by_id[record_id] for record_id in self._order)

    def __len__(self) -> int:
        return len(self._order)

    # Writing: the values are already checked (see validation.clean)

    def check(self, properties: Mapping[str, str], contact: Contact | None) -> None:
        """Refuse a write whose identifiers another contact has: 409 for e-mails, 400 for other values."""
        for name, key in _identifiers(properties, self.catalog.unique_names()):
            if name == "email" and key in self.blocked_emails:
                fault = PropertyFault("email", "INVALID_EMAIL", f"Email address {key} is blocked")
                raise invalid_properties([fault], self.portal_id)
            owner = self._owners.get((name, key))
            if owner is None or (contact is not None and owner == contact.id):
                continue
            raise conflict(owner) if name == "email" else unique_value_taken(name, key, owner, self.portal_id)

    def create(self, properties: Mapping[str, str], author: Author) -> Contact:
        """Create a contact, with the values that HubSpot computes; 409 if another contact has its e-mail."""
        self.check(properties, None)
        now = self.clock.now_ms()
        contact = Contact(self.next_id(), now, now)
        given = {name: value for name, value in properties.items() if value != ""}
        values = computed_on_create(contact.id, now, given, author)
        contact.write(values, author, now)
        contact.values["lastmodifieddate"] = iso(now)
        self.add(contact)
        self.announce("creation", contact, author, now, values)
        return contact

    def update(self, contact: Contact, properties: Mapping[str, str], author: Author) -> dict[str, str]:
        """Write values; return those that changed. Without a change nothing is updated. Archived contacts refuse."""
        if contact.archived:
            raise not_found(str(contact.id))
        wanted = swap_own_email(contact, keep_stage_forward(contact, properties))
        wanted = self._appended(contact, wanted)
        self.check(wanted, contact)
        changed = contact.changed(wanted)
        at_ms = self.clock.now_ms()
        if changed:
            if self.read_lag_ms:
                contact.remember(at_ms)
            self._release(contact)
            at_ms = contact.touch(at_ms)
            contact.write(changed, author, at_ms)
            self._claim(contact)
        unchanged = {name: value for name, value in wanted.items() if name not in changed}
        self.announce("update", contact, author, at_ms, changed, unchanged)
        return changed

    def archive(self, contact: Contact, author: Author) -> None:
        """Put a contact into the archive; its e-mail becomes free."""
        if contact.archived:
            return
        self._release(contact)
        contact.archived_ms = contact.touch(self.clock.now_ms())
        self.announce("deletion", contact, author, contact.archived_ms)

    def restore(self, contact: Contact, author: Author) -> None:
        """Restore a contact from the archive; 409 if another contact has its e-mail now."""
        if not contact.archived:
            return
        self.check(contact.values, contact)
        contact.archived_ms = None
        self._claim(contact)
        self.announce("restore", contact, author, contact.touch(self.clock.now_ms()))

    def purge(self, contact: Contact, author: Author) -> None:
        """Privacy deletion: delete the contact for good, with both events (webhooks guide)."""
        was_archived = contact.archived
        self.remove(contact)
        contact.archived_ms = contact.touch(self.clock.now_ms())
        self.announce("privacyDeletion", contact, author, contact.archived_ms)
        if not was_archived:
            self.announce("deletion", contact, author, contact.archived_ms)

    # Steps that merging uses too

    def next_id(self) -> int:
        """A new record id: 12 digits, growing, with gaps."""
        self.last_id += self._rng.randint(1, 50)
        return self.last_id

    def identifiers(self, values: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return the identifiers in these values: e-mails and unique values."""
        return _identifiers(values, self.catalog.unique_names())

    def add(self, contact: Contact) -> None:
        """Add a contact."""
        self._by_id[contact.id] = contact
        self._order.append(contact.id)
        self._claim(contact)

    def put_back(self, contact: Contact) -> None:
        """Add a contact under an id that was in use before."""
        self._by_id[contact.id] = contact
        insort(self._order, contact.id)
        self._claim(contact)

    def load(self, contacts: Iterable[Contact], blocked_emails: Iterable[str]) -> None:
        """Load saved contacts, in id order, with the merged ids that lead to them. This makes no events."""
        for contact in contacts:
            self._by_id[contact.id] = contact
            self._order.append(contact.id)
            self.alias(contact.merged_ids, contact.id)
            if not contact.archived:
                self._claim(contact)
        self.blocked_emails.update(blocked_emails)

    def remove(self, contact: Contact) -> None:
        """Forget a contact and the merged ids that led to it."""
        self._release(contact)
        del self._by_id[contact.id]
        del self._order[bisect_left(self._order, contact.id)]
        for old in [old for old, new in self._merged_into.items() if new == contact.id]:
            del self._merged_into[old]

    def alias(self, old_ids: list[int], new_id: int) -> None:
        """Let old ids lead to a new one."""
        self._merged_into.update({old: new_id for old in old_ids if old != new_id})

    def announce(
        self,
        kind: Kind,
        contact: Contact,
        author: Author,
        at_ms: int,
        changed: Mapping[str, str] | None = None,
        unchanged: Mapping[str, str] | None = None,
    ) -> None:
        """Report a change."""
        self._notify(Change(kind, contact, at_ms, author, changed or {}, unchanged or {}))

    def announce_change(self, change: Change) -> None:
        """Report a change with all its facts."""
        self._notify(change)

    def _claim(self, contact: Contact) -> None:
        for identifier in _identifiers(contact.values, self.catalog.unique_names()):
            self._owners[identifier] = contact.id

    def _release(self, contact: Contact) -> None:
        for identifier in _identifiers(contact.values, self.catalog.unique_names()):
            if self._owners.get(identifier) == contact.id:
                del self._owners[identifier]

    def _appended(self, contact: Contact, properties: dict[str, str]) -> dict[str, str]:
        """A leading `;` appends to a multiple choice (properties guide)."""
        for name, value in properties.items():
            found = self.catalog.find(name)
            if found is not None and found.field_type == "checkbox" and value.startswith(";"):
                parts = contact.values.get(name, "").split(";") + value.split(";")
                properties[name] = ";".join(dict.fromkeys(part for part in parts if part))
        return properties


def _key(name: str, value: str) -> str:
    return value.strip().lower() if name == "email" else value


def _identifiers(values: Mapping[str, str], unique: list[str]) -> list[tuple[str, str]]:
    emails = [values.get("email", ""), *values.get("hs_additional_emails", "").split(";")]
    found = [("email", _key("email", email)) for email in emails if email]
    return found + [(name, values[name]) for name in unique if values.get(name)]
