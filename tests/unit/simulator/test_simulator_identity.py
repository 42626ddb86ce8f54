"""The identity rules of the contact store, under many random writes."""

from random import Random

import pytest
from hubspot_simulator.core.authors import person_author
from hubspot_simulator.core.changes import Change
from hubspot_simulator.core.clock import Clock
from hubspot_simulator.core.contact import Contact
from hubspot_simulator.core.contacts import ContactStore
from hubspot_simulator.core.errors import ApiError
from hubspot_simulator.core.merging import merge
from hubspot_simulator.core.properties import Catalog
from hubspot_simulator.core.search import SearchIndex

AUTHOR = person_author()


class World:
    """A store with a clock that stands still unless moved, so that every write happens in the same millisecond."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.clock = Clock(lambda: 1_700_000_000.0)
        self.catalog = Catalog(self.clock)
        unique = {"name": "lead", "label": "lead", "groupName": "contactinformation", "type": "string"}
        self.catalog.create({**unique, "fieldType": "text", "hasUniqueValue": True})
        self.changes: list[Change] = []
        self.store = ContactStore(1, self.catalog, self.clock, self.rng, self._changed)
        self.index = SearchIndex(self.store)
        self.merged: set[int] = set()

    def _changed(self, change: Change) -> None:
        self.changes.append(change)
        if change.effective:
            self.index.note(change)

    def some(self) -> Contact | None:
        """Any contact."""
        contacts = list(self.store)
        return self.rng.choice(contacts) if contacts else None

    def values(self) -> dict[str, str]:
        """Values from a small pool, so that they often collide."""
        pool = {
            "email": [f"{letter}@example.com" for letter in "abcde"] + [""],
            "hs_additional_emails": ["", "b@example.com", "c@example.com;d@example.com"],
            "lead": ["", "1", "2", "3"],
            "phone": ["", "1", "2"],
        }
        return {name: self.rng.choice(choices) for name, choices in pool.items() if self.rng.random() < 0.6}

    def step(self) -> None:
        """One random write."""
        contact = self.some()
        action = self.rng.choice(["create", "create", "update", "update", "archive", "restore", "merge", "purge"])
        if action == "create" or contact is None:
            self.store.create(self.values(), AUTHOR)
        elif action == "update" and not contact.archived:
            self.store.update(contact, self.values(), AUTHOR)
        elif action == "archive":
            self.store.archive(contact, AUTHOR)
        elif action == "restore":
            self.store.restore(contact, AUTHOR)
        elif action == "merge":
            other = self.some() or contact
            survivor = merge(self.store, str(contact.id), str(other.id), AUTHOR)
            self.merged.update(survivor.merged_ids)
        elif action == "purge" and self.rng.random() < 0.2:
            self.store.purge(contact, AUTHOR)

    def check(self) -> None:
        """No two live contacts share an identifier, each is found by its own, and search sees the live ones."""
        live = [contact for contact in self.store if not contact.archived]
        owners: dict[tuple[str, str], int] = {}
        for contact in live:
            for name, value in self.store.identifiers(contact.values):
                assert owners.setdefault((name, value), contact.id) == contact.id
                assert self.store.find(value, name) is contact
        for value in "abcde":
            found = self.store.find(f"{value}@example.com", "email")
            assert found is None or found in live
        for old in self.merged:
            found = self.store.get(old)
            assert found is None or old in found.merged_ids
        body = {"limit": 200, "sorts": ["hs_object_id"]}
        assert [one["id"] for one in self.index.search(body, 1)["results"]] == [str(one.id) for one in live]
        page, _ = self.store.page(0, 100_000, archived=False)
        assert page == live


@pytest.mark.parametrize("seed", range(15))
def test_identifiers_stay_unique(seed: int) -> None:
    """After any writes identifiers are unique, old ids lead to the survivor, and search agrees with the store."""
    world = World(seed)
    for _ in range(120):
        before = {contact.id: contact.modified_ms for contact in world.store}
        seen = len(world.changes)
        try:
            world.step()
        except ApiError:
            assert len(world.changes) == seen, "a refused write must not have an effect"
        world.check()
        for contact in world.store:
            effective = any(one.contact is contact and one.effective for one in world.changes[seen:])
            moved = contact.modified_ms > before.get(contact.id, -1)
            assert moved == effective, "lastmodifieddate moves with each effective write, and only then"
