"""Webhook subscriptions of one app, and their limits."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hubspot_simulator.core.clock import Clock, iso
from hubspot_simulator.core.errors import ApiError, resource_not_found, validation

MAX_SUBSCRIPTIONS = 1_000
_ACTIONS = ("associationChange", "creation", "deletion", "merge", "propertyChange", "restore")
EVENT_TYPES = frozenset(
    [f"{kind}.{action}" for kind in ("company", "contact", "deal", "line_item", "object", "ticket")
     for action in _ACTIONS]
    + [f"product.{action}" for action in _ACTIONS if action != "associationChange"]
    + ["contact.privacyDeletion", "event.completed"]
    + [f"conversation.{action}" for action in
       ("creation", "deletion", "newMessage", "privacyDeletion", "propertyChange")]
)  # fmt: skip
_NOT_SUBSCRIBABLE = {"num_unique_conversion_events", "hs_lastmodifieddate"}


@dataclass(slots=True)
class Subscription:
    """A subscription to one kind of event."""

    id: int
    event_type: str
    property_name: str | None
    object_type_id: str | None
    active: bool
    created_ms: int
    updated_ms: int | None = None

    @property
    def action(self) -> str:
        """The kind of change: creation, propertyChange, and so on."""
        return self.event_type.partition(".")[2]

    @property
    def about_contacts(self) -> bool:
        """Classic `contact.*`, or generic `object.*` of type 0-1."""
        kind = self.event_type.partition(".")[0]
        return kind == "contact" or (kind == "object" and self.object_type_id in (None, "0-1", "contact"))

    @property
    def generic(self) -> bool:
        """Whether its events are `object.*`."""
        return self.event_type.startswith("object.")

    def to_json(self) -> dict[str, Any]:
        """The subscription as the webhooks API answers it (public spec)."""
        body: dict[str, Any] = {
            "id": str(self.id),
            "eventType": self.event_type,
            "active": self.active,
            "createdAt": iso(self.created_ms),
        }
        if self.property_name is not None:
            body["propertyName"] = self.property_name
        if self.object_type_id is not None:
            body["objectTypeId"] = self.object_type_id
        if self.updated_ms is not None:
            body["updatedAt"] = iso(self.updated_ms)
        return body


class SubscriptionBook:
    """All subscriptions of one app."""

    def __init__(self, clock: Clock, last_id: int, subscriptions: Iterable[Subscription] = ()) -> None:
        self._clock = clock
        self.last_id = last_id
        self._by_id = {one.id: one for one in subscriptions}

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._by_id.values())

    def get(self, subscription_id: str) -> Subscription:
        """One subscription, or 404."""
        found = self._by_id.get(int(subscription_id)) if subscription_id.isdecimal() else None
        if found is None:
            raise resource_not_found()
        return found

    def create(self, body: Mapping[str, Any]) -> Subscription:
        """Subscribe; inactive by default, at most 1,000 per app (webhooks guide)."""
        event_type = str(body.get("eventType") or body.get("subscriptionType") or "")
        if event_type not in EVENT_TYPES:
            raise validation(f"'{event_type}' is not a supported eventType")
        name = body.get("propertyName")
        if event_type.endswith(".propertyChange") and not name:
            raise validation("propertyName is required for a propertyChange subscription")
        if name in _NOT_SUBSCRIBABLE:
            raise validation(f"The property '{name}' cannot be subscribed to")
        if len(self._by_id) >= MAX_SUBSCRIPTIONS:
            raise ApiError(
                400,
                None,
                "Couldn't create another subscription. You've reached the maximum number "
                f"allowed per application ({MAX_SUBSCRIPTIONS}).",
            )
        type_id = body.get("objectTypeId") or ("0-1" if event_type.startswith("object.") else None)
        self.last_id += 1
        made = Subscription(
            self.last_id,
            event_type,
            str(name) if name else None,
            str(type_id) if type_id else None,
            bool(body.get("active", False)),
            self._clock.now_ms(),
        )
        if any(same(made, other) for other in self):
            raise ApiError(409, "OBJECT_ALREADY_EXISTS", "A subscription like this one already exists.")
        self._by_id[made.id] = made
        return made

    def set_active(self, subscription_id: str, active: object) -> Subscription:
        """Pause or resume; nothing else can be changed (public spec)."""
        found = self.get(subscription_id)
        if not isinstance(active, bool):
            raise validation("active must be true or false")
        found.active, found.updated_ms = active, self._clock.now_ms()
        return found

    def delete(self, subscription_id: str) -> None:
        """Unsubscribe."""
        del self._by_id[self.get(subscription_id).id]

    def clear(self) -> None:
        """Forget every subscription."""
        self._by_id.clear()


def same(one: Subscription, other: Subscription) -> bool:
    """Whether two subscriptions are for the same events. That HubSpot refuses the second one is a guess."""
    return (one.event_type, one.property_name, one.object_type_id) == (
        other.event_type,
        other.property_name,
        other.object_type_id,
    )
