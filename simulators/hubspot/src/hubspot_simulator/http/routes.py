"""Every endpoint and every spelling of its path."""

from collections.abc import Iterator

from starlette.routing import Route

from hubspot_simulator.core.simulator import Simulator
from hubspot_simulator.http import batches, contacts, oauth, properties, webhooks
from hubspot_simulator.http.edge import ApiRoute, Edge

READ = ("crm.objects.contacts.read",)
WRITE = ("crm.objects.contacts.write",)
SCHEMA_WRITE = ("crm.schemas.contacts.write",)
SCHEMA_READ = ("crm.schemas.contacts.read", *READ, *WRITE)
_OBJECTS = "/crm/v3/objects/contacts"
_PROPERTIES = "/crm/v3/properties/contacts"
_WEBHOOKS = "/webhooks/v3/{appId}"
_DATED = ("2025-09", "2026-03", "2026-09")

_PREFIXES: dict[str, tuple[str, ...]] = {
    _OBJECTS: tuple(
        f"{root}/{kind}"
        for kind in ("contacts", "contact", "0-1")
        for root in ("/crm/v3/objects", *(f"/crm/objects/{version}" for version in _DATED))
    ),
    _PROPERTIES: tuple(
        f"{root}/{kind}"
        for kind in ("contacts", "contact", "0-1")
        for root in ("/crm/v3/properties", *(f"/crm/properties/{version}" for version in _DATED))
    ),
    _WEBHOOKS: (_WEBHOOKS, "/app-webhooks/2025-09/{appId}", "/webhooks/2026-03/{appId}",
                "/app-webhooks/2026-09/{appId}"),
    "/oauth/v1": ("/oauth/v1", "/oauth/v3", *(f"/oauth/{version}" for version in _DATED)),
    "/account-info/v3": ("/account-info/v3", *(f"/account-info/{version}" for version in _DATED)),
}  # fmt: skip


def _objects() -> Iterator[ApiRoute]:
    base = _OBJECTS
    yield ApiRoute("GET", base, contacts.list_contacts, READ)
    yield ApiRoute("POST", base, contacts.create_contact, WRITE)
    yield ApiRoute("POST", f"{base}/batch/read", batches.read_batch, READ)
    yield ApiRoute("POST", f"{base}/batch/create", batches.create_batch, WRITE)
    yield ApiRoute("POST", f"{base}/batch/update", batches.update_batch, WRITE)
    yield ApiRoute("POST", f"{base}/batch/upsert", batches.upsert_batch, WRITE)
    yield ApiRoute("POST", f"{base}/batch/archive", batches.archive_batch, WRITE)
    yield ApiRoute("POST", f"{base}/search", contacts.search_contacts, READ, search=True)
    yield ApiRoute("POST", f"{base}/merge", contacts.merge_contacts, WRITE)
    yield ApiRoute("POST", f"{base}/gdpr-delete", contacts.gdpr_delete, WRITE)
    yield ApiRoute("GET", f"{base}/{{contactId}}", contacts.get_contact, READ)
    yield ApiRoute("PATCH", f"{base}/{{contactId}}", contacts.update_contact, WRITE)
    yield ApiRoute("DELETE", f"{base}/{{contactId}}", contacts.archive_contact, WRITE)


def _properties() -> Iterator[ApiRoute]:
    base, read, write = _PROPERTIES, SCHEMA_READ, SCHEMA_WRITE
    yield ApiRoute("GET", base, properties.list_properties, read, any_scope=True)
    yield ApiRoute("POST", base, properties.create_property, write)
    yield ApiRoute("POST", f"{base}/batch/read", properties.read_properties, read, any_scope=True)
    yield ApiRoute("POST", f"{base}/batch/create", properties.create_properties, write)
    yield ApiRoute("POST", f"{base}/batch/archive", properties.archive_properties, write)
    yield ApiRoute("GET", f"{base}/groups", properties.list_groups, read, any_scope=True)
    yield ApiRoute("POST", f"{base}/groups", properties.create_group, write)
    yield ApiRoute("GET", f"{base}/groups/{{groupName}}", properties.get_group, read, any_scope=True)
    yield ApiRoute("PATCH", f"{base}/groups/{{groupName}}", properties.update_group, write)
    yield ApiRoute("DELETE", f"{base}/groups/{{groupName}}", properties.archive_group, write)
    yield ApiRoute("GET", f"{base}/{{propertyName}}", properties.get_property, read, any_scope=True)
    yield ApiRoute("PATCH", f"{base}/{{propertyName}}", properties.update_property, write)
    yield ApiRoute("DELETE", f"{base}/{{propertyName}}", properties.archive_property, write)


def _webhooks() -> Iterator[ApiRoute]:
    base, one = _WEBHOOKS, f"{_WEBHOOKS}/subscriptions/{{subscriptionId}}"
    yield ApiRoute("GET", f"{base}/settings", webhooks.get_settings, auth="developer")
    yield ApiRoute("PUT", f"{base}/settings", webhooks.put_settings, auth="developer")
    yield ApiRoute("DELETE", f"{base}/settings", webhooks.delete_settings, auth="developer")
    yield ApiRoute("GET", f"{base}/subscriptions", webhooks.list_subscriptions, auth="developer")
    yield ApiRoute("POST", f"{base}/subscriptions", webhooks.create_subscription, auth="developer")
    yield ApiRoute("POST", f"{base}/subscriptions/batch/update", webhooks.update_subscriptions, auth="developer")
    yield ApiRoute("GET", one, webhooks.get_subscription, auth="developer")
    yield ApiRoute("PATCH", one, webhooks.update_subscription, auth="developer")
    yield ApiRoute("DELETE", one, webhooks.delete_subscription, auth="developer")


def _accounts() -> Iterator[ApiRoute]:
    info, refresh = "/oauth/v1/access-tokens/{token}", "/oauth/v1/refresh-tokens/{token}"
    private = "/oauth/v2/private-apps/get/access-token-info"
    yield ApiRoute("GET", "/oauth/authorize", oauth.authorize, auth="none")
    yield ApiRoute("POST", "/oauth/v1/token", oauth.token, auth="none")
    yield ApiRoute("POST", "/oauth/v1/token/introspect", oauth.introspect, auth="none")
    yield ApiRoute("POST", "/oauth/v1/token/revoke", oauth.revoke, auth="none")
    yield ApiRoute("GET", info, oauth.access_token_info, auth="none")
    yield ApiRoute("GET", refresh, oauth.refresh_token_info, auth="none")
    yield ApiRoute("DELETE", refresh, oauth.delete_refresh_token, auth="none")
    yield ApiRoute("POST", private, oauth.private_app_token_info, auth="none")
    yield ApiRoute("GET", "/account-info/v3/details", oauth.account_details)


def api_routes(simulator: Simulator) -> list[Route]:
    """All routes, under v3 and every dated prefix, which HubSpot does not spell uniformly (public spec)."""
    found: list[Route] = []
    for route in (*_objects(), *_properties(), *_webhooks(), *_accounts()):
        for path in _spellings(route.path):
            plain_status = "2026-09" in path
            found.append(Route(path, Edge(simulator, route, plain_status).__call__, methods=[route.method]))
    return found


def _spellings(path: str) -> list[str]:
    for prefix, others in _PREFIXES.items():
        if path == prefix or path.startswith(prefix + "/"):
            return [other + path[len(prefix) :] for other in others]
    return [path]
