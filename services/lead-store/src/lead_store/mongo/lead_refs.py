"""What leads are looked up by: each a single value, which every server finds by its index."""

import hashlib
from collections.abc import Iterable

from lead_store.domain.keys import address_key
from lead_store.domain.lead import Lead
from lead_store.domain.references import references
from lead_store.mongo.client import Document

DUPLICATE = "duplicate"  # reference of leads whose record is that of another lead too: either they or it were merged


def lead_refs(lead: Lead) -> Document:
    """The part of a lead's document that it is looked up by. It is made anew with every write of the lead."""
    key = address_key(lead.values.get("email", ""))
    found_by = sorted(references(lead.values))
    waits = lead.deleted_at is None or lead.merged_into  # the records of leads that were merged are still two
    if waits and any(link.detached_reason == "duplicate_lead" for link in lead.links):
        found_by.append(DUPLICATE)
    found_by += [
        duplicate_of(link.integration_id, link.duplicate_of)
        for link in lead.links
        if link.duplicate_of and not link.attached
    ]
    return {"email_ref": email_ref(lead.tenant_id, key) if key else "", "refs": hashed_refs(lead.tenant_id, found_by)}


def duplicate_of(integration_id: str, record_id: str) -> str:
    """Reference of leads whose record was merged into this one, which another lead kept (R15)."""
    return f"{DUPLICATE}/{integration_id}/{record_id}"


def email_ref(tenant_id: str, spelling: str) -> str:
    """Tenant and e-mail in one value."""
    return f"{tenant_id}/{spelling}"


def hashed_refs(tenant_id: str, found_by: Iterable[str]) -> list[str]:
    """Tenant and reference in one value of a fixed length."""
    return [hashlib.sha256(f"{tenant_id}\0{reference}".encode()).hexdigest()[:32] for reference in found_by]
