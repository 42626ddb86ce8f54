"""The state that survives a restart, as plain data: all but faults, logs, settings and open deliveries."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from hubspot_simulator.core.apps import App
from hubspot_simulator.core.contact import Contact
from hubspot_simulator.core.definitions import Definition
from hubspot_simulator.core.simulator import Portal, Simulator
from hubspot_simulator.core.subscriptions import Subscription, SubscriptionBook
from hubspot_simulator.core.tokens import Issued
from hubspot_simulator.settings import Settings

ID_BLOCK = 10_000_000
"""How far ahead record ids are reserved: some 400,000 contacts, far more than are made between two saves."""
SUBSCRIPTION_ID_BLOCK = 1_000


@dataclass(frozen=True, slots=True)
class PortalState:
    """One account. Merged ids are in their survivors; all indexes follow from the contacts."""

    id: int
    definitions: list[Definition]
    groups: dict[str, dict[str, Any]]
    contacts: list[Contact]
    blocked_emails: list[str]


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """One app's subscriptions."""

    last_id: int
    all: list[Subscription]


@dataclass(frozen=True, slots=True)
class State:
    """The state document. `origin` are the settings whose account and app are in it."""

    version: Literal[1]
    starts: int
    last_id: int
    clock_offset_ms: int
    origin: list[int | str]
    portals: list[PortalState]
    apps: list[App]
    issued: Issued


def dump(simulator: Simulator, ahead: bool) -> bytes:
    """Return the state as JSON; `ahead` reserves ids, in case the simulator is killed before the next save."""
    state = State(
        version=1,
        starts=simulator.starts + 1,
        last_id=simulator.last_id() + (ID_BLOCK if ahead else 0),
        clock_offset_ms=simulator.clock.offset_ms,
        origin=_origin(simulator.settings),
        portals=[_portal(portal) for portal in simulator.portals.values()],
        apps=list(simulator.apps.values()),
        issued=simulator.tokens.issued,
    )
    return msgspec.json.encode(state, enc_hook=_plain_book(SUBSCRIPTION_ID_BLOCK if ahead else 0))


def load(simulator: Simulator, document: bytes) -> None:
    """Load a dumped state into a new simulator. Raises ValueError, and changes nothing, if it is invalid."""

    def book(_kind: type, plain: object) -> SubscriptionBook:
        found = msgspec.convert(plain, Subscriptions)
        return SubscriptionBook(simulator.clock, found.last_id, found.all)

    state = msgspec.json.decode(document, type=State, dec_hook=book)
    simulator.resume(state.starts, state.last_id, state.clock_offset_ms)
    for one in state.portals:
        portal = simulator.add_portal(one.id)
        portal.catalog.load(one.definitions, one.groups)
        portal.contacts.load(one.contacts, one.blocked_emails)
        portal.search.load()
    simulator.apps = {app.id: app for app in state.apps}
    simulator.tokens.issued = state.issued
    if state.origin != _origin(simulator.settings):
        simulator.install_default()


def _portal(portal: Portal) -> PortalState:
    catalog, store = portal.catalog, portal.contacts
    # Past states for lagging reads are not part of the present state.
    contacts = [replace(contact, past=[]) if contact.past else contact for contact in store]
    definitions = [*catalog.all(), *catalog.all(archived=True)]
    groups = {str(group["name"]): group for group in catalog.groups()}
    return PortalState(portal.id, definitions, groups, contacts, sorted(store.blocked_emails))


def _plain_book(ahead: int) -> Callable[[object], Subscriptions]:
    def plain(value: object) -> Subscriptions:
        if isinstance(value, SubscriptionBook):
            return Subscriptions(value.last_id + ahead, list(value))
        raise NotImplementedError(f"{type(value).__name__} has no place in the state")

    return plain


def _origin(settings: Settings) -> list[int | str]:
    """The account, app and credentials that a simulator has from the start."""
    one = settings
    secrets = (one.token, one.refresh_token, one.client_id, one.client_secret, one.developer_key)
    return [one.portal_id, one.app_id, *secrets]
