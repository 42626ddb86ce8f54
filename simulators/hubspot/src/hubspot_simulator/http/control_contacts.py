"""The control API's contacts: acts of a person in HubSpot's own pages."""

from typing import Any

from starlette.requests import Request

from hubspot_simulator.core.authors import DEFAULT_USER_ID, Author, person_author
from hubspot_simulator.core.batches import creatable
from hubspot_simulator.core.clock import iso
from hubspot_simulator.core.contact import Contact
from hubspot_simulator.core.errors import not_found, validation
from hubspot_simulator.core.merging import merge
from hubspot_simulator.core.simulator import Portal, Simulator
from hubspot_simulator.core.validation import clean
from hubspot_simulator.http.controls import Answer, ControlRoute, body_of, portal_id_of


class ContactControl:
    """Create, edit, delete, restore, merge, erase and list contacts as a person."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def routes(self) -> list[ControlRoute]:
        """All its endpoints."""
        one = "/contacts/{contact_id}"
        return [
            ("GET", "/contacts", self.all),
            ("POST", "/contacts", self.create),
            ("POST", "/contacts/bulk", self.create_many),
            ("POST", "/contacts/merge", self.merge),
            ("GET", one, self.get),
            ("PATCH", one, self.edit),
            ("DELETE", one, self.delete),
            ("POST", f"{one}/restore", self.restore),
            ("POST", f"{one}/gdpr-delete", self.erase),
        ]

    def pages(self) -> list[ControlRoute]:
        """What HubSpot shows to people at an address of its own, outside the control API."""
        return [("GET", "/contacts/{portal_id}/record/0-1/{contact_id}", self.get)]

    async def all(self, request: Request) -> Answer:
        """Every contact with all its properties; archived ones too with `?archived=true`."""
        wanted = request.query_params.get("archived", "").lower() == "true"
        shown = [_whole(one) for one in self._portal(request).contacts if wanted or not one.archived]
        return 200, {"total": len(shown), "results": shown}

    async def get(self, request: Request) -> Answer:
        """Return one contact, archived or not; a merged id gives the survivor."""
        contact = self._contact(request)
        history = {name: contact.history(name) for name in contact.versions}
        return 200, _whole(contact) | {"propertiesWithHistory": history}

    async def create(self, request: Request) -> Answer:
        """A person creates a contact."""
        body, portal = await body_of(request), self._portal(request)
        contact = portal.contacts.create(creatable(portal.contacts, body.get("properties")), _author(body))
        return 201, _whole(contact)

    async def create_many(self, request: Request) -> Answer:
        """A person creates many: the given `contacts`, or `count` made-up ones."""
        body, portal = await body_of(request), self._portal(request)
        given = body.get("contacts")
        if given is None:
            given = [_made_up(number, body) for number in range(int(body.get("count", 0)))]
        if not isinstance(given, list):
            raise validation("contacts must be an array of property objects")
        author = _author(body)
        ids = [str(portal.contacts.create(creatable(portal.contacts, one), author).id) for one in given]
        return 201, {"ids": ids}

    async def edit(self, request: Request) -> Answer:
        """A person edits a contact."""
        body, portal, contact = await body_of(request), self._portal(request), self._contact(request)
        if contact.archived:
            raise not_found(str(contact.id))
        portal.contacts.update(contact, clean(portal.catalog, body.get("properties"), portal.id), _author(body))
        return 200, _whole(contact)

    async def delete(self, request: Request) -> Answer:
        """A person deletes a contact."""
        author = _author(await body_of(request))
        self._portal(request).contacts.archive(self._contact(request), author)
        return 204, None

    async def restore(self, request: Request) -> Answer:
        """A person restores a deleted contact."""
        author, contact = _author(await body_of(request)), self._contact(request)
        self._portal(request).contacts.restore(contact, author)
        return 200, _whole(contact)

    async def merge(self, request: Request) -> Answer:
        """A person merges one contact into another."""
        body, behaviour = await body_of(request), self._simulator.behaviour
        primary, other = str(body["primaryObjectId"]), str(body["objectIdToMerge"])
        store = self._portal(request).contacts
        new_id, extra = behaviour.merge_new_id, behaviour.merge_extra_events
        return 200, _whole(merge(store, primary, other, _author(body), new_id, extra))

    async def erase(self, request: Request) -> Answer:
        """A person deletes a contact for privacy."""
        author = _author(await body_of(request))
        self._portal(request).contacts.purge(self._contact(request), author)
        return 204, None

    def _portal(self, request: Request) -> Portal:
        return self._simulator.portal(portal_id_of(request))

    def _contact(self, request: Request) -> Contact:
        wanted = str(request.path_params["contact_id"])
        contact = self._portal(request).contacts.get(wanted)
        if contact is None:
            raise not_found(wanted)
        return contact


def _author(body: dict[str, Any]) -> Author:
    """CRM_UI and a user, unless the body gives `source` (IMPORT, …), `source_id` or `user_id`."""
    user_id = int(body.get("user_id", DEFAULT_USER_ID))
    source_id = body.get("source_id")
    return person_author(user_id, str(body.get("source", "CRM_UI")), None if source_id is None else str(source_id))


def _made_up(number: int, body: dict[str, Any]) -> dict[str, str]:
    prefix = str(body.get("prefix", "person"))
    return {
        "email": f"{prefix}{number}@example.com",
        "firstname": f"First{number}",
        "lastname": f"Last{number}",
        "phone": f"+1555{number:07d}",
        "company": f"Company {number % 100}",
    }


def _whole(contact: Contact) -> dict[str, Any]:
    return {
        "id": str(contact.id),
        "properties": {name: value for name, value in contact.values.items() if value != ""},
        "archived": contact.archived,
        "createdAt": iso(contact.created_ms),
        "updatedAt": iso(contact.modified_ms),
        "mergedIds": [str(old) for old in contact.merged_ids],
    }
