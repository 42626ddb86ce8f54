"""Contacts: the single calls."""

from hubspot_simulator.core.batches import creatable
from hubspot_simulator.core.contact import Contact
from hubspot_simulator.core.errors import PropertyFault, invalid_properties, not_found, validation
from hubspot_simulator.core.merging import merge
from hubspot_simulator.core.records import created, record, written
from hubspot_simulator.core.validation import clean, is_email
from hubspot_simulator.http import sensitive
from hubspot_simulator.http.replies import Call, Reply

MAX_PAGE = 100
MAX_PAGE_WITH_HISTORY = 50


def get_contact(call: Call) -> Reply:
    """GET one, by id (also a merged one), e-mail or unique property."""
    sensitive.check_read(call, call.names("properties"), call.names("propertiesWithHistory"))
    contact = _found(call, call.flag("archived"))
    portal = call.portal
    contact = portal.contacts.shown(contact)
    body = record(contact, portal.id, portal.catalog, call.names("properties"), call.names("propertiesWithHistory"))
    return Reply(200, body)


def list_contacts(call: Call) -> Reply:
    """GET a page in id order; `after` is the id of the next contact (contacts guide)."""
    history = call.names("propertiesWithHistory")
    sensitive.check_read(call, call.names("properties"), history)
    limit = call.number("limit", 10)
    most = MAX_PAGE_WITH_HISTORY if history else MAX_PAGE
    if not 1 <= limit <= most:
        raise validation(f"The limit must be between 1 and {most}, but was {limit}")
    portal = call.portal
    found, after = portal.contacts.page(call.number("after", 0), limit, call.flag("archived"))
    results = [
        record(portal.contacts.shown(one), portal.id, portal.catalog, call.names("properties"), history)
        for one in found
    ]
    body: dict[str, object] = {"results": results}
    if after is not None:
        link = str(call.request.url.include_query_params(after=after))
        body["paging"] = {"next": {"after": str(after), "link": link}}
    return Reply(200, body)


def create_contact(call: Call) -> Reply:
    """POST one; 201, or 409 with the existing id in the message."""
    sensitive.check_written(call, call.body.get("properties"))
    store = call.portal.contacts
    contact = store.create(creatable(store, call.body.get("properties")), call.author)
    return Reply(201, created(contact, call.portal.id, call.body.get("objectWriteTraceId")))


def update_contact(call: Call) -> Reply:
    """PATCH one; the answer has the written values, not the full record."""
    sensitive.check_written(call, call.body.get("properties"))
    contact = _found(call, False)
    portal = call.portal
    values = clean(portal.catalog, call.body.get("properties", {}), portal.id)
    portal.contacts.update(contact, values, call.author)
    return Reply(200, written(contact, portal.id, values, call.body.get("objectWriteTraceId")))


def archive_contact(call: Call) -> Reply:
    """DELETE one: into the archive. Archiving it again is a 204 too."""
    store = call.portal.contacts
    contact = store.get(call.path("contactId"))
    if contact is None:
        raise not_found(call.path("contactId"))
    store.archive(contact, call.author)
    return Reply(204)


def merge_contacts(call: Call) -> Reply:
    """POST merge: a new record since January 2025 (merge changelog)."""
    portal, behaviour = call.portal, call.simulator.behaviour
    contact = merge(
        portal.contacts,
        str(call.body.get("primaryObjectId", "")),
        str(call.body.get("objectIdToMerge", "")),
        call.author,
        behaviour.merge_new_id,
        behaviour.merge_extra_events,
    )
    return Reply(200, created(contact, portal.id))


def gdpr_delete(call: Call) -> Reply:
    """POST gdpr-delete: delete for good; an e-mail without a contact is blocked instead (contacts guide)."""
    store = call.portal.contacts
    wanted, by = str(call.body.get("objectId", "")), call.body.get("idProperty")
    contact = store.find(wanted, by)
    if contact is not None:
        store.purge(contact, call.author)
    elif by == "email":
        if not is_email(wanted):
            fault = PropertyFault("email", "INVALID_EMAIL", f"Email address {wanted} is invalid")
            raise invalid_properties([fault], call.portal.id)
        store.blocked_emails.add(wanted.strip().lower())
    else:
        raise not_found(wanted)
    return Reply(204)


def search_contacts(call: Call) -> Reply:
    """POST search, on the index, which lags."""
    sensitive.check_read(call, call.body.get("properties") or ())
    return Reply(200, call.portal.search.search(call.body, call.portal.id))


def _found(call: Call, archived: bool) -> Contact:
    wanted = call.path("contactId")
    contact = call.portal.contacts.find(wanted, call.text("idProperty"))
    if contact is None or contact.archived != archived:
        raise not_found(wanted)
    return contact
