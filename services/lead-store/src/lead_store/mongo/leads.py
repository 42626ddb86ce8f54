"""The collection `leads`: one document per lead, its links inside."""

from collections.abc import Collection as Some
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lead_store.domain.addresses import address_key, kept_keys
from lead_store.domain.lead import Change, CrmMetadata, EndReason, Lead
from lead_store.domain.references import OF_DUPLICATES, reference_of_duplicate
from lead_store.domain.rules import Account, Direction
from lead_store.mongo.client import Document
from lead_store.mongo.grouped_writes import Replacement, replace_together
from lead_store.mongo.lead_refs import email_ref, hashed_refs, lead_refs
from lead_store.mongo.links import link_document, link_from, record_ref
from lead_store.mongo.lists import read_page
from lead_store.mongo.names import decode_keys, encode_key, encode_keys
from lead_store.mongo.requests import Requests
from lead_store.mongo.single_writes import when, write_each


@dataclass(frozen=True, slots=True)
class Leads:
    """Reads and writes leads; the tenant is part of every query."""

    collection: Collection[Document]
    requests: Requests

    @classmethod
    def of(cls, database: Database[Document]) -> "Leads":
        """The leads of a database."""
        return cls(database["leads"], Requests.of(database))

    def get(self, tenant_id: str, lead_id: str, session: ClientSession | None = None) -> Lead | None:
        """A lead, deleted or not."""
        document = self.collection.find_one({"_id": lead_id, "tenant_id": tenant_id}, session=session)
        return lead_from(document) if document else None

    def has(self, lead_id: str) -> bool:
        """Whether there is such a lead, deleted or not. One that was erased is gone."""
        return self.collection.find_one({"_id": lead_id}, {"_id": 1}) is not None

    def by_request(self, tenant_id: str, request_id: str, session: ClientSession | None = None) -> Lead | None:
        """The lead that this request made."""
        lead_id = self.requests.lead_id(tenant_id, request_id, session)
        return self.get(tenant_id, lead_id, session) if lead_id else None

    def by_new_request(self, tenant_id: str, request_id: str, session: ClientSession) -> Lead | None:
        """The same for a request that is to make a lead if it has made none.

        If its lead is gone, what was noted of it goes too: a process of an earlier version that erases a lead forgets
        the lead alone, and an upgrade may note a request just after its lead was erased.
        """
        lead_id = self.requests.lead_id(tenant_id, request_id, session)
        lead = self.get(tenant_id, lead_id, session) if lead_id else None
        if lead_id and lead is None:
            self.requests.forget(tenant_id, request_id, session)
        return lead

    def by_ids(self, tenant_id: str, lead_ids: Some[str], session: ClientSession | None = None) -> dict[str, Lead]:
        """Leads by id, as far as they are the tenant's."""
        if not lead_ids:
            return {}
        query = {"_id": {"$in": list(lead_ids)}, "tenant_id": tenant_id}
        return {lead.lead_id: lead for lead in map(lead_from, self.collection.find(query, session=session))}

    def by_emails(self, tenant_id: str, kept_keys: Some[str], session: ClientSession | None = None) -> list[Lead]:
        """Live leads whose e-mail is kept under one of these keys."""
        if not kept_keys:
            return []
        refs = [email_ref(tenant_id, key) for key in kept_keys]
        query = {"email_ref": {"$in": refs}, "tenant_id": tenant_id, "deleted_at": None}
        return [lead_from(document) for document in self.collection.find(query, session=session)]

    def by_references(self, tenant_id: str, found_by: Some[str], session: ClientSession | None = None) -> list[Lead]:
        """Live leads that have one of these references of keys other than the e-mail."""
        if not found_by:
            return []
        query = {"refs": {"$in": hashed_refs(tenant_id, found_by)}, "tenant_id": tenant_id, "deleted_at": None}
        return [lead_from(document) for document in self.collection.find(query, session=session)]

    def by_records(
        self, tenant_id: str, account: Account, record_ids: Some[str], session: ClientSession | None = None
    ) -> list[Lead]:
        """Leads that are or were linked to one of these records of an account."""
        if not record_ids:
            return []
        query = {"links.ref": {"$in": [record_ref(*account, one) for one in record_ids]}, "tenant_id": tenant_id}
        return [lead_from(document) for document in self.collection.find(query, session=session)]

    def page(
        self,
        tenant_id: str,
        after: str,
        limit: int,
        email: str,
        integration_id: str = "",
        record: tuple[Account, str] | None = None,
    ) -> Iterator[Lead]:
        """Live leads with a greater id, in the order of their ids, oldest first, read as they are asked for.

        Only those with this e-mail, a link of this integration, or a link to this record, if any is given.
        """
        query: Document = {}
        if record:
            account, record_id = record
            query["links.ref"] = record_ref(*account, record_id)
        elif integration_id:
            query["links.integration_id"] = integration_id
        if email:
            query["email_ref"] = {"$in": [email_ref(tenant_id, key) for key in kept_keys([email])]}
        query |= {"tenant_id": tenant_id, "deleted_at": None}
        if record or email:  # few leads have one record or e-mail: they are found by that alone, and sorted here
            leads = sorted(map(lead_from, self.collection.find(query)), key=lambda lead: lead.lead_id)
            same = (lead for lead in leads if not email or lead.email_key == address_key(email))
            return islice((lead for lead in same if lead.lead_id > after), limit)
        return map(lead_from, read_page(self.collection.find({**query, "_id": {"$gt": after}}).sort("_id", 1), limit))

    def without_refs(self, at_once: int) -> Iterator[list[str]]:
        """Ids of leads that were written before there were references, so many at a time."""
        found = self.collection.find({"refs": None}, {"_id": 1}, batch_size=at_once)
        while ids := [document["_id"] for document in islice(found, at_once)]:
            yield ids

    def add_refs(self, lead_ids: list[str]) -> int:
        """Add the references of leads that have none, but for those that are being changed now; answers how many."""
        updates = []
        for lead in map(lead_from, self.collection.find({"_id": {"$in": lead_ids}})):
            refs = {name: {"$literal": value} for name, value in lead_refs(lead).items()}
            updates.append(UpdateOne({"_id": lead.lead_id}, when({"$eq": ["$revision", lead.revision]}, refs)))
        return write_each(self.collection, updates)

    def insert(self, leads: Iterable[Lead], session: ClientSession) -> None:
        """Insert new leads at revision 1. Raises RepeatedRequest if the request of one has made a lead already."""
        new = list(leads)
        if new:
            self.requests.add(new, session)
            self.collection.insert_many([_document(lead, 1) for lead in new], session=session)

    def replace(self, leads: Iterable[Lead], session: ClientSession) -> bool:
        """Store leads' new states at their next revisions; False if one was made on an older revision."""
        replaced = [Replacement(lead.tenant_id, lead.revision, _document(lead, lead.revision + 1)) for lead in leads]
        return replace_together(self.collection, replaced, session) == len(replaced)

    def erase(self, lead: Lead, session: ClientSession) -> bool:
        """Remove a lead for good; False if it was read at an older revision."""
        guard = {"_id": lead.lead_id, "tenant_id": lead.tenant_id, "revision": lead.revision}
        self.requests.forget(lead.tenant_id, lead.request_id, session)
        return self.collection.delete_one(guard, session=session).deleted_count == 1

    def merged_into(self, tenant_id: str, lead_id: str, session: ClientSession) -> list[Lead]:
        """Leads that were merged into this one."""
        found = self.collection.find({"merged_into": lead_id, "tenant_id": tenant_id}, session=session)
        return [lead_from(document) for document in found]

    def duplicates_of(
        self, tenant_id: str, integration_id: str, record_ids: Some[str], session: ClientSession
    ) -> list[Lead]:
        """Leads whose records were merged into these, which other leads kept."""
        refs = hashed_refs(tenant_id, [reference_of_duplicate(integration_id, one) for one in record_ids])
        found = self.collection.find({"refs": {"$in": refs}, "tenant_id": tenant_id}, session=session)
        return [lead_from(document) for document in found]

    def linked_to(self, integration_id: str, after: str, limit: int) -> list[Lead]:
        """Leads with a link of this integration, by id."""
        query = {"links.integration_id": integration_id, "_id": {"$gt": after}}
        return [lead_from(document) for document in self.collection.find(query).sort("_id", 1).limit(limit)]

    def duplicates(self, tenant_id: str, after: str, limit: int) -> list[Lead]:
        """Live leads whose record was merged into one that another lead keeps, by id."""
        (ref,) = hashed_refs(tenant_id, [OF_DUPLICATES])
        query = {"refs": ref, "tenant_id": tenant_id, "_id": {"$gt": after}}
        return [lead_from(document) for document in self.collection.find(query).sort("_id", 1).limit(limit)]

    def with_conflicts(
        self, tenant_id: str, integration_id: str, name: str, lead_id: str, after: str, limit: int
    ) -> Iterator[Lead]:
        """Leads on which a field waits for a person, by id, read as they are asked for; empty filters match all."""
        query: Document = {"tenant_id": tenant_id, "deleted_at": None, "conflicts": {"$gt": 0}}
        query["_id"] = lead_id or {"$gt": after}
        if integration_id:
            query["links.integration_id"] = integration_id
        if name:
            key = encode_key(name)
            places = ("links.conflicts", "links.overwritten")
            query["$or"] = [{f"{place}.{key}": {"$exists": True}} for place in places]
        return map(lead_from, read_page(self.collection.find(query).sort("_id", 1), limit))

    def all_with_conflicts(self, tenant_id: str, integration_id: str) -> Iterator[Lead]:
        """All leads on which a field waits for a person."""
        query = {"tenant_id": tenant_id, "links.integration_id": integration_id, "conflicts": {"$gt": 0}}
        return map(lead_from, self.collection.find({**query, "deleted_at": None}))


def _document(lead: Lead, revision: int) -> Document:
    document: Document = {
        "_id": lead.lead_id,
        "tenant_id": lead.tenant_id,
        "values": encode_keys(lead.values),
        "changed": encode_keys({name: [one.at, one.source, one.set_at] for name, one in lead.changed.items()}),
        **lead_refs(lead),
        "metadata": _metadata_document(lead.metadata),
        "links": [link_document(link) for link in lead.links],
        "conflicts": sum(len(link.conflicts) + len(link.overwritten) for link in lead.links),
        "revision": revision,
        "created_at": lead.created_at,
        "changed_at": lead.changed_at,
        "deleted_at": lead.deleted_at,
    }
    if lead.end_reason:
        document["end_reason"] = lead.end_reason.value
    if lead.merged_into:
        document["merged_into"] = lead.merged_into
    if lead.request_id:
        document["request_id"] = lead.request_id
    return document


def lead_from(document: Document) -> Lead:
    """The lead of a document."""
    return Lead(
        lead_id=document["_id"],
        tenant_id=document["tenant_id"],
        values=decode_keys(document["values"]),
        changed={name: Change(*pair) for name, pair in decode_keys(document["changed"]).items()},
        metadata=_metadata(document["metadata"]),
        links=tuple(link_from(link) for link in document["links"]),
        revision=document["revision"],
        created_at=document["created_at"],
        changed_at=document["changed_at"],
        deleted_at=document["deleted_at"],
        end_reason=EndReason(document["end_reason"]) if document.get("end_reason") else None,
        merged_into=document.get("merged_into", ""),
        request_id=document.get("request_id", ""),
    )


def _metadata_document(metadata: CrmMetadata) -> dict[str, str | int | datetime | None]:
    return {
        "source_system": metadata.source_system,
        "last_sync_direction": metadata.last_sync_direction.value if metadata.last_sync_direction else None,
        "last_synced_at": metadata.last_synced_at,
        "sync_version": metadata.sync_version,
        "last_modified_in_crm": metadata.last_modified_in_crm,
        "crm_provider": metadata.crm_provider,
    }


def _metadata(document: Document) -> CrmMetadata:
    direction = document["last_sync_direction"]
    return CrmMetadata(**{**document, "last_sync_direction": Direction(direction) if direction else None})
