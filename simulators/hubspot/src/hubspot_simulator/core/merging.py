"""Merging two contacts, as HubSpot does since January 2025: the result is a new record."""

from hubspot_simulator.core.authors import Author
from hubspot_simulator.core.changes import Change, MergeFacts
from hubspot_simulator.core.contact import HISTORY_LIMIT, Contact
from hubspot_simulator.core.contacts import ContactStore
from hubspot_simulator.core.errors import not_found, validation

_OWN = {
    "hs_object_id", "hs_all_contact_vids", "lastmodifieddate", "createdate", "hs_merged_object_ids",
    "hs_calculated_merged_vids", "hs_additional_emails", "email", "hs_email_domain",
}  # fmt: skip


def merge(
    store: ContactStore,
    primary_id: str,
    other_id: str,
    author: Author,
    new_id: bool = True,
    extra: bool = False,
) -> Contact:
    """Merge the other contact into the primary one (merge changelog).

    Current values are the primary's, the other's where it has none; histories are joined; both old ids lead
    to the survivor. `new_id=False` is the way before 2025 (the primary survives); `extra` adds creation and
    deletion events.
    """
    primary, other = _live(store, primary_id), _live(store, other_id)
    if primary.id == other.id:
        raise validation(f"Cannot merge contact {primary.id} with itself")
    now = max(store.clock.now_ms(), primary.modified_ms + 1, other.modified_ms + 1)
    store.remove(primary)
    store.remove(other)
    record_id = store.next_id() if new_id else primary.id
    survivor = Contact(record_id, min(primary.created_ms, other.created_ms), now)
    moved = _join_values(survivor, primary, other)
    _join_histories(survivor, primary, other)
    _note_merge(survivor, primary, other, author, now)
    if new_id:
        store.add(survivor)
    else:
        store.put_back(survivor)
    store.alias(survivor.merged_ids, record_id)
    facts = MergeFacts(primary.id, (other.id,), record_id, moved)
    store.announce_change(Change("merge", survivor, now, author, merge=facts))
    for lost in (primary, other):
        lost.archived_ms = now
    if extra:
        if new_id:
            store.announce("creation", survivor, author, now)
        for lost in (primary, other) if new_id else (other,):
            store.announce("deletion", lost, author, now)
    return survivor


def _live(store: ContactStore, record_id: str) -> Contact:
    contact = store.get(record_id)
    if contact is None or contact.archived:
        raise not_found(record_id)
    return contact


def _join_values(survivor: Contact, primary: Contact, other: Contact) -> int:
    gained = {
        name: value
        for name, value in other.values.items()
        if value and name not in _OWN and not primary.values.get(name)
    }
    survivor.values = {**primary.values, **gained}
    emails = list(dict.fromkeys(primary.emails() + other.emails()))
    if emails:
        survivor.values["email"] = emails[0]
        survivor.values["hs_email_domain"] = emails[0].rpartition("@")[2]
        if emails[1:]:
            survivor.values["hs_additional_emails"] = ";".join(emails[1:])
    return len(gained)


def _join_histories(survivor: Contact, primary: Contact, other: Contact) -> None:
    """Both histories by time; of two versions of one instant the primary's is kept (changelog)."""
    for name in primary.versions.keys() | other.versions.keys():
        kept = {version.at_ms: version for version in other.versions.get(name, [])}
        kept |= {version.at_ms: version for version in primary.versions.get(name, [])}
        survivor.versions[name] = [kept[at_ms] for at_ms in sorted(kept)][-HISTORY_LIMIT:]


def _note_merge(survivor: Contact, primary: Contact, other: Contact, author: Author, now: int) -> None:
    lost = [primary.id, other.id] if survivor.id != primary.id else [other.id]
    merged = list(dict.fromkeys([*primary.merged_ids, *other.merged_ids, *lost]))
    survivor.merged_ids = merged
    written = {
        "hs_object_id": str(survivor.id),
        "hs_all_contact_vids": ";".join(str(old) for old in [survivor.id, *merged]),
        "hs_merged_object_ids": ";".join(str(old) for old in merged),
        # Chained merges are missing from this one in HubSpot, too.
        "hs_calculated_merged_vids": ";".join(f"{old}:{now}" for old in lost),
        "createdate": min(primary.values["createdate"], other.values["createdate"]),
    }
    for name in ("email", "hs_additional_emails"):
        if survivor.values.get(name, "") != primary.values.get(name, ""):
            written[name] = survivor.values.get(name, "")
    survivor.write(written, author, now)
    survivor.modified_ms = now - 1
    survivor.touch(now)
