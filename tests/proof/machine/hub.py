"""The CRM of the world: the HubSpot simulator in this process, people at work in it, and its events on their way."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hubspot_simulator.core.authors import Author, person_author
from hubspot_simulator.core.batches import creatable
from hubspot_simulator.core.clock import Clock as HubClock
from hubspot_simulator.core.contact import Contact
from hubspot_simulator.core.contacts import ContactStore
from hubspot_simulator.core.merging import merge
from hubspot_simulator.core.outbox import Attempt
from hubspot_simulator.core.simulator import Simulator
from hubspot_simulator.core.tokens import Token
from hubspot_simulator.core.validation import clean
from hubspot_simulator.http.app import build_app
from hubspot_simulator.settings import Settings
from proof.machine.clock import Clock
from proof.machine.config import PROPERTIES, TENANTS, Config, Tenant

WORKFLOW, FORMATTER = Author("AUTOMATION_PLATFORM", "workflow-7"), Author("CRM_SETTING", "phone-format")
WORKFLOW_SETS = "Wendy"  # what the workflow sets a first name to after each write of ours
LIFECYCLE = ("creation", "deletion", "merge", "restore", "privacyDeletion")


@dataclass
class Hub:
    """One simulated HubSpot with an account per tenant. `seen_edit` hears of each edit before it happens."""

    clock: Clock
    config: Config
    seen_edit: Callable[[Tenant, Contact, str, str], None] = lambda *_: None
    events: list[dict[str, Any]] = field(default_factory=list)  # on their way
    delivered: list[dict[str, Any]] = field(default_factory=list)
    made: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # lead → records made for it
    gone: dict[tuple[str, str], str] = field(default_factory=dict)  # (tenant, record) → archived, erased, merged
    undone: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # lead → its records that people took away

    def __post_init__(self) -> None:
        """Open the accounts, and subscribe to everything."""
        skew = self.config.crm_clock_skew
        self.simulator = Simulator(Settings(), HubClock(lambda: self.clock.time() + skew))
        app = self.simulator.app()
        for tenant in TENANTS:
            self.simulator.install(app, tenant.portal_id)
            self.simulator.tokens.add(Token(tenant.token, app.id, tenant.portal_id, app.scopes))
        app.configure({"targetUrl": "https://leads.example.com/api/v1/webhooks/hubspot"}, self.simulator.clock)
        for action in LIFECYCLE:
            app.subscriptions.create({"eventType": f"contact.{action}", "active": True})
        for name in PROPERTIES.values():
            wanted = {"eventType": "contact.propertyChange", "propertyName": name, "active": True}
            app.subscriptions.create(wanted)
        self.behave(read_lag_seconds=self.config.read_lag, search_lag_seconds=self.config.search_lag)
        self._application = build_app(self.simulator)

    def behave(self, **changes: Any) -> None:
        """Set how the simulator behaves; it never refuses calls for their number."""
        calm: dict[str, Any] = {"rate_limit_per_10_seconds": 0, "search_limit_per_second": 0, "daily_limit": 0}
        calm |= {"delivery_delay_seconds": 0.0, "event_format": self.config.event_format}
        calm |= {"merge_new_id": self.config.merge_new_id, "merge_extra_events": self.config.merge_extra_events}
        self.simulator.set_behaviour(self.simulator.behaviour.changed({**calm, **changes}))

    def contacts(self, tenant: Tenant) -> ContactStore:
        """A tenant's contacts."""
        return self.simulator.portal(tenant.portal_id).contacts

    def writes(self, tenant: Tenant) -> int:
        """Effective writes of ours in a tenant's account."""
        return self.simulator.writes.by_token[tenant.token]

    # What people and programs do in the CRM. Whatever HubSpot refuses raises its ApiError.

    def create(self, tenant: Tenant, values: Mapping[str, str]) -> Contact:
        """A person makes a contact."""
        store = self.contacts(tenant)
        return store.create(creatable(store, dict(values)), person_author())

    def edit(self, tenant: Tenant, contact: Contact, name: str, value: str, author: Author | None = None) -> None:
        """Somebody sets a property."""
        store = self.contacts(tenant)
        values = clean(store.catalog, {name: value}, store.portal_id)
        store.check(values, contact)
        if contact.archived or not contact.changed(values):
            return
        self.seen_edit(tenant, contact, name, values[name])
        store.update(contact, values, author or person_author())

    def archive(self, tenant: Tenant, contact: Contact) -> None:
        """A person deletes a contact."""
        self._took_away(tenant, contact, "archived")
        self.contacts(tenant).archive(contact, person_author())

    def restore(self, tenant: Tenant, contact: Contact) -> None:
        """A person takes a contact out of the archive."""
        self.contacts(tenant).restore(contact, person_author())

    def erase(self, tenant: Tenant, contact: Contact) -> None:
        """A person deletes a contact for privacy's sake."""
        self._took_away(tenant, contact, "erased")
        self.contacts(tenant).purge(contact, person_author())

    def merge(self, tenant: Tenant, primary: Contact, other: Contact) -> Contact:
        """A person merges a contact into another one."""
        behaviour, store = self.simulator.behaviour, self.contacts(tenant)
        new_id, extra = behaviour.merge_new_id, behaviour.merge_extra_events
        for contact in (primary, other):
            self._took_away(tenant, contact, "merged")
        return merge(store, str(primary.id), str(other.id), person_author(), new_id, extra)

    def format_phone(self, tenant: Tenant, contact: Contact) -> None:
        """The CRM spells a phone number its own way."""
        phone = contact.values.get("phone", "")
        if phone and not contact.archived:
            self.contacts(tenant).update(contact, {"phone": formatted(phone)}, FORMATTER)

    def _took_away(self, tenant: Tenant, contact: Contact, how: str) -> None:
        self.gone[tenant.name, str(contact.id)] = how
        if lead_id := contact.values.get("leadsync_lead_id"):
            self.undone[lead_id] += 1

    # The API, as a request and its answer

    def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer one API call."""
        path, _, query = target.partition("?")
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "", "headers": raw,
            "server": ("hub", 80), "client": ("connector", 1),
        }  # fmt: skip
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        call = self._application(scope, receive, send)  # type: ignore[arg-type]
        try:
            call.send(None)  # nothing in it waits, so that it runs to its end
        except StopIteration:
            pass
        else:
            raise AssertionError("the simulator wanted to wait")
        answer = b"".join(message.get("body", b"") for message in sent[1:])
        return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}, answer

    def collect(self) -> None:
        """Take the events that the simulator has to tell."""
        now = self.simulator.clock.now_ms()
        for delivery in list(self.simulator.outbox.take_due(now)):
            self.events += delivery.events
            self.simulator.outbox.settle(delivery, Attempt(0, now, 0, 200, None), now)


def formatted(phone: str) -> str:
    """A phone number as this CRM likes it: the same digits, spelt otherwise."""
    digits = "".join(sign for sign in phone if sign.isdigit() or sign == "+")
    return f"{digits[:2]} ({digits[2:5]}) {digits[5:]}"
