"""Webhook events: what the subscriptions of an app get for a change of a contact."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from hubspot_simulator.core.apps import App
from hubspot_simulator.core.behaviour import Behaviour
from hubspot_simulator.core.changes import Change
from hubspot_simulator.core.definitions import NOT_SENSITIVE
from hubspot_simulator.core.properties import Catalog
from hubspot_simulator.core.subscriptions import Subscription

_LIFECYCLE = {
    "creation": "creation",
    "deletion": "deletion",
    "restore": "restore",
    "merge": "merge",
    "privacyDeletion": "privacyDeletion",
}
_FLAGS = {"creation": "CREATED", "deletion": "DELETED", "privacyDeletion": "DELETED"}


def events_of(
    change: Change, portal_id: int, app: App, catalog: Catalog, behaviour: Behaviour, rng: Random
) -> Iterator[dict[str, Any]]:
    """The events of one change for one app, in the key order of recorded ones.

    A creation makes its own event and a propertyChange for each subscribed property that was set, all with
    the same
    occurredAt (recorded).
    """
    properties = dict(change.properties)
    if behaviour.emit_unchanged:
        properties |= change.unchanged
    for subscription in app.subscriptions:
        if not subscription.active or not subscription.about_contacts:
            continue
        if subscription.action == _LIFECYCLE.get(change.kind):
            yield _event(change, portal_id, app, subscription, behaviour, rng, _facts(change))
        elif subscription.action == "propertyChange" and change.kind in ("creation", "update"):
            name = subscription.property_name or ""
            if name in properties:
                yield _event(
                    change, portal_id, app, subscription, behaviour, rng, _value(catalog, name, properties[name])
                )


def _event(
    change: Change,
    portal_id: int,
    app: App,
    subscription: Subscription,
    behaviour: Behaviour,
    rng: Random,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    generic = _is_generic(subscription, behaviour)
    event: dict[str, Any] = {
        "eventId": 100 if behaviour.same_event_ids else rng.randrange(1, 2**32),
        "subscriptionId": subscription.id,
        "portalId": portal_id,
        "appId": app.id,
        "occurredAt": change.at_ms,
        "subscriptionType": f"{'object' if generic else 'contact'}.{subscription.action}",
        "attemptNumber": 0,
        "objectId": change.merge.primary_id if change.merge else change.contact.id,
    }
    if generic:
        event["objectTypeId"] = "0-1"
    sensitive = facts.get("propertyValue") == "REDACTED"
    event |= facts
    event["changeSource"] = change.author.source_type
    if change.author.source_id is not None and not behaviour.omit_source_id:
        event["sourceId"] = change.author.source_id
    if generic and subscription.action == "propertyChange":
        event["isSensitive"] = sensitive
    if behaviour.extra_fields:
        event["fieldOfTomorrow"] = {"anything": [1, 2, 3]}
    return event


def _is_generic(subscription: Subscription, behaviour: Behaviour) -> bool:
    """`contact.privacyDeletion` has no generic form (generic subscriptions guide)."""
    if subscription.action == "privacyDeletion":
        return False
    if behaviour.event_format == "subscription":
        return subscription.generic
    return behaviour.event_format == "generic"


def _facts(change: Change) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if change.kind in _FLAGS:
        facts["changeFlag"] = _FLAGS[change.kind]
    if change.merge:
        facts["primaryObjectId"] = change.merge.primary_id
        facts["mergedObjectIds"] = list(change.merge.merged_ids)
        facts["newObjectId"] = change.merge.new_id
        facts["numberOfPropertiesMoved"] = change.merge.properties_moved
    return facts


def _value(catalog: Catalog, name: str, value: str) -> dict[str, Any]:
    """Return the new value as a string; sensitive values are left out (sensitive data guide)."""
    found = catalog.find(name)
    hidden = found is not None and found.sensitivity != NOT_SENSITIVE
    return {"propertyName": name, "propertyValue": "REDACTED" if hidden else value}
