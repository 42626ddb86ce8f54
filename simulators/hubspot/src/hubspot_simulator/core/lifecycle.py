"""The values that HubSpot computes itself when a contact is created or updated."""

from collections.abc import Mapping

from hubspot_simulator.core.authors import Author
from hubspot_simulator.core.clock import iso
from hubspot_simulator.core.contact import Contact
from hubspot_simulator.core.definitions import LIFECYCLE_STAGES

_RANK = {stage: rank for rank, stage in enumerate(LIFECYCLE_STAGES)}


def computed_on_create(contact_id: int, now_ms: int, given: Mapping[str, str], author: Author) -> dict[str, str]:
    """The given values plus the computed ones of recorded create answers."""
    computed = {
        "createdate": iso(now_ms),
        "hs_all_contact_vids": str(contact_id),
        "hs_is_contact": "true",
        "hs_is_unworked": "true",
        "hs_lifecyclestage_lead_date": iso(now_ms),
        "hs_marketable_status": "false",
        "hs_object_id": str(contact_id),
        "hs_object_source": author.source_type,
        "hs_object_source_id": author.source_id or "",
        "hs_object_source_label": author.source_type,
        "hs_pipeline": "contacts-lifecycle-pipeline",
        "lifecyclestage": "lead",
    }
    email = given.get("email", "")
    if email:
        computed["hs_email_domain"] = email.rpartition("@")[2]
    return computed | dict(given)


def keep_stage_forward(contact: Contact, properties: Mapping[str, str]) -> dict[str, str]:
    """`lifecyclestage` can only move forward; to go back it is cleared first (contacts guide).

    That a step back is ignored, and not refused, is a guess.
    """
    wanted = dict(properties)
    now, later = contact.values.get("lifecyclestage", ""), wanted.get("lifecyclestage", "")
    if now in _RANK and later in _RANK and _RANK[later] < _RANK[now]:
        del wanted["lifecyclestage"]
    if "email" in wanted:
        wanted["hs_email_domain"] = wanted["email"].rpartition("@")[2]
    return wanted


def swap_own_email(contact: Contact, properties: dict[str, str]) -> dict[str, str]:
    """Making one of its additional e-mails the primary one lets the two change places (a guess)."""
    extra = [email for email in contact.values.get("hs_additional_emails", "").split(";") if email]
    email = properties.get("email", "")
    if email and email in extra and "hs_additional_emails" not in properties:
        others = [contact.values.get("email", ""), *(other for other in extra if other != email)]
        properties["hs_additional_emails"] = ";".join(other for other in others if other)
    return properties
