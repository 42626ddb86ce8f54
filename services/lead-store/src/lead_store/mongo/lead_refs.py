"""What leads are looked up by, as stored: each a single value, which every server finds by its index."""

import hashlib
from collections.abc import Iterable

from lead_store.domain.addresses import address_key
from lead_store.domain.lead import Lead
from lead_store.domain.references import lead_references
from lead_store.mongo.client import Document


def lead_refs(lead: Lead) -> Document:
    """The part of a lead's document that it is looked up by. Every write of the lead makes it again."""
    key = address_key(lead.values.get("email", ""))
    return {
        "email_ref": email_ref(lead.tenant_id, key) if key else "",
        "refs": hashed_refs(lead.tenant_id, lead_references(lead)),
    }


def email_ref(tenant_id: str, key: str) -> str:
    """Tenant and an e-mail's key in one value."""
    return f"{tenant_id}/{key}"


def hashed_refs(tenant_id: str, found_by: Iterable[str]) -> list[str]:
    """Tenant and reference in one value of a fixed length."""
    return [hashlib.sha256(f"{tenant_id}\0{reference}".encode()).hexdigest()[:32] for reference in found_by]
