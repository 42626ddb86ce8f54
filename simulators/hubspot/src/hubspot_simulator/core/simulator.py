"""The simulated HubSpot: accounts, apps, tokens, and the consequences of a change."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from hubspot_simulator.core.apps import ALL_SCOPES, App
from hubspot_simulator.core.authors import Author
from hubspot_simulator.core.behaviour import Behaviour
from hubspot_simulator.core.calls import CallLog, WriteLog
from hubspot_simulator.core.changes import Change
from hubspot_simulator.core.clock import Clock
from hubspot_simulator.core.contacts import FIRST_ID, ContactStore
from hubspot_simulator.core.errors import resource_not_found
from hubspot_simulator.core.events import events_of
from hubspot_simulator.core.faults import FaultPlan
from hubspot_simulator.core.limits import RateLimiter
from hubspot_simulator.core.outbox import Outbox
from hubspot_simulator.core.properties import Catalog
from hubspot_simulator.core.search import SearchIndex
from hubspot_simulator.core.subscriptions import SubscriptionBook
from hubspot_simulator.core.tokens import Token, TokenRegistry
from hubspot_simulator.settings import Settings


@dataclass(frozen=True, slots=True)
class Portal:
    """One HubSpot account. Nothing is shared between two of them."""

    id: int
    catalog: Catalog
    contacts: ContactStore
    search: SearchIndex


class Simulator:
    """The root of the state.

    `on_work` is called whenever there may be something new to deliver, `on_call` after everything that may have changed
    the state.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self.on_work: Callable[[], None] = lambda: None
        self.on_call: Callable[[], None] = lambda: None
        self.starts = 0
        self._first_id = FIRST_ID
        self.started()

    def started(self, keep_apps: bool = False) -> None:
        """Reset all state to the account and app of the settings; `keep_apps` keeps apps and tokens."""
        self.clock.reset()
        self.rng = Random(self._seed())  # noqa: S311 - repeatable, and guards nothing
        self.behaviour = Behaviour()
        self.outbox = Outbox(self.rng)
        self.limiter = RateLimiter(self.clock)
        self.faults = FaultPlan()
        self.reset_logs()
        self._bumps: list[tuple[int, Portal, int]] = []
        old_portals = list(self.portals) if keep_apps else []
        self.portals: dict[int, Portal] = {}
        if not keep_apps:
            self.apps: dict[int, App] = {}
            self.tokens = TokenRegistry(self.clock, self.rng)
            self.install_default()
        for portal_id in old_portals:
            self.add_portal(portal_id)

    def resume(self, starts: int, last_id: int, clock_offset_ms: int) -> None:
        """Prepare a restart without accounts; ids and event ids of earlier starts are not used again."""
        self.starts, self._first_id, self.clock.offset_ms = starts, last_id, clock_offset_ms
        self.rng.seed(self._seed())
        self.portals.clear()

    def last_id(self) -> int:
        """The highest record id that any account has given."""
        return max([self._first_id, *(portal.contacts.last_id for portal in self.portals.values())])

    def reset_logs(self) -> None:
        """Count calls and writes from zero."""
        self.calls = CallLog()
        self.writes = WriteLog()

    def portal(self, portal_id: int | None = None) -> Portal:
        """An account; without an id, the one of the settings."""
        found = self.portals.get(self.settings.portal_id if portal_id is None else portal_id)
        if found is None:
            raise resource_not_found()
        return found

    def app(self, app_id: int | None = None) -> App:
        """An app; without an id, the one of the settings."""
        found = self.apps.get(self.settings.app_id if app_id is None else app_id)
        if found is None:
            raise resource_not_found()
        return found

    def add_portal(self, portal_id: int) -> Portal:
        """Open an account, unless it exists."""
        if portal_id in self.portals:
            return self.portals[portal_id]
        catalog = Catalog(self.clock)
        contacts = ContactStore(
            portal_id,
            catalog,
            self.clock,
            self.rng,
            lambda change: self._changed(self.portals[portal_id], change),
            self._first_id,
        )
        portal = Portal(portal_id, catalog, contacts, SearchIndex(contacts))
        self._apply_lags(portal)
        self.portals[portal_id] = portal
        return portal

    def add_app(
        self,
        app_id: int,
        client_id: str,
        client_secret: str,
        developer_key: str,
        scopes: tuple[str, ...] = ALL_SCOPES,
    ) -> App:
        """Register an app."""
        book = SubscriptionBook(self.clock, 6_500_000 + len(self.apps) * 10_000)
        self.apps[app_id] = App(app_id, client_id, client_secret, developer_key, book, scopes=scopes)
        return self.apps[app_id]

    def install_default(self) -> None:
        """Add the account, app and credentials of the settings if they are missing."""
        given = self.settings
        app = self.apps.get(given.app_id)
        if app is None:
            app = self.add_app(given.app_id, given.client_id, given.client_secret, given.developer_key)
        app.client_id, app.client_secret, app.developer_key = given.client_id, given.client_secret, given.developer_key
        self.install(app, given.portal_id)
        self.tokens.add(Token(given.token, app.id, given.portal_id, app.scopes))
        self.tokens.issue_refresh(app, given.portal_id, given.refresh_token)

    def install(self, app: App, portal_id: int) -> None:
        """Install an app in an account; from then on the account's events go to it."""
        self.add_portal(portal_id)
        app.portals.add(portal_id)

    def set_behaviour(self, behaviour: Behaviour) -> None:
        """Apply settings everywhere."""
        self.behaviour = behaviour
        self.outbox.behaviour = behaviour
        self.limiter.per_ten_seconds = behaviour.rate_limit_per_10_seconds
        self.limiter.searches_per_second = behaviour.search_limit_per_second
        self.limiter.per_day = behaviour.daily_limit
        for portal in self.portals.values():
            self._apply_lags(portal)
        self.on_work()

    def background(self) -> None:
        """Apply what happens with time: lastmodifieddate moves some time after a creation (recorded)."""
        now = self.clock.now_ms()
        while self._bumps and self._bumps[0][0] <= now:
            _, portal, contact_id = self._bumps.pop(0)
            contact = portal.contacts.get(contact_id)
            if contact is not None and not contact.archived:
                contact.touch(now)
                portal.search.note(Change("update", contact, now, Author("CRM", None)))

    def _seed(self) -> int | str:
        """A different one after each restart, so that event ids and tokens do not repeat."""
        return f"{self.settings.seed}/{self.starts}" if self.starts else self.settings.seed

    def _apply_lags(self, portal: Portal) -> None:
        portal.search.set_lag(int(self.behaviour.search_lag_seconds * 1000))
        portal.search.shows_present = self.behaviour.search_shows_present
        portal.contacts.read_lag_ms = int(self.behaviour.read_lag_seconds * 1000)

    def _changed(self, portal: Portal, change: Change) -> None:
        self.writes.note(change)
        if change.effective:
            portal.search.note(change)
        if change.kind == "creation" and self.behaviour.background_bump_seconds:
            due_ms = change.at_ms + int(self.behaviour.background_bump_seconds * 1000)
            self._bumps.append((due_ms, portal, change.contact.id))
        now = self.clock.now_ms()
        for app in self.apps.values():
            if portal.id in app.portals and app.target_url is not None:
                for event in events_of(change, portal.id, app, portal.catalog, self.behaviour, self.rng):
                    self.outbox.add(app, event, now)
        self.on_work()
