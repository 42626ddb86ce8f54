"""Webhooks: subscriptions belong to an app and serve all its accounts; each integration has a flag of its own."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from crm_connector.crm import CrmSubscription, WebhookAdmin
from crm_connector.domain.capabilities import EventMode
from crm_connector.domain.errors import ConnectorError, CrmError, Kind
from crm_connector.domain.integration import Integration
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.mongo.subscriptions import MongoSubscriptions
from crm_connector.usecases.connections import Connections
from crm_connector.usecases.streams import Streams
from crm_connector.usecases.subscriptions import Subscriptions
from crm_connector.usecases.targets import Targets

_PASSING = {Kind.UNAVAILABLE, Kind.EXHAUSTED}  # errors that are gone one day, though nobody does anything
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WebhookState:
    """How changes reach an integration: by the webhooks of its app, by its stream, or only by sweeps."""

    enabled: bool
    url: str
    subscriptions: tuple[CrmSubscription, ...]
    managed: bool
    instructions: str
    events: tuple[str, ...]
    mode: EventMode = EventMode.WEBHOOK
    connected: bool = False
    position_age_seconds: int = 0
    expires_at: datetime | None = None


class Webhooks:
    """Enables, disables and shows webhooks."""

    def __init__(
        self,
        integrations: MongoIntegrations,
        subscriptions: MongoSubscriptions,
        connections: Connections,
        targets: Targets,
        of_accounts: Subscriptions,
        streams: Streams,
        api_url: str,
    ) -> None:
        """`of_accounts` are subscriptions of single accounts, where a CRM has such."""
        self._integrations = integrations
        self._subscriptions = subscriptions
        self._connections = connections
        self._targets = targets
        self._of_accounts = of_accounts
        self._streams = streams
        self._api_url = api_url.rstrip("/")
        self._lock = threading.Lock()

    def enable(self, tenant_id: str, integration_id: str) -> WebhookState:
        """Ensure the subscriptions of app and account, then let deliveries of the integration make work."""
        integration = self._integrations.get(tenant_id, integration_id)
        self._ensure(integration, asked=True)
        self._of_accounts.ensure(integration)
        return self._state(self._flag(integration, enabled=True))

    def disable(self, tenant_id: str, integration_id: str) -> WebhookState:
        """Let deliveries make no work; pause the app's subscriptions if no integration needs them."""
        integration = self._flag(self._integrations.get(tenant_id, integration_id), enabled=False)
        self._pause_unused(integration)
        return self._state(integration)

    def status(self, tenant_id: str, integration_id: str) -> WebhookState:
        """Show the state, as the CRM has it."""
        return self._state(self._integrations.get(tenant_id, integration_id))

    def faults(self, integration: Integration) -> list[str] | None:
        """Say in plain words what is wrong with the app's subscriptions; None if the CRM has no API to ask."""
        if not (admin := self._admin(integration)):
            return None
        active = {(found.event, found.property): found.active for found in admin.list()}
        wanted = self._wanted(integration)
        missing = [f"{event} {name}".strip() for event, name in wanted if (event, name) not in active]
        paused = [f"{event} {name}".strip() for event, name in wanted if active.get((event, name)) is False]
        target, url = admin.target(), self._url(integration)
        elsewhere = target.removesuffix("/") != url  # the gateway serves the address with a slash at its end too
        return [
            *([f"The app sends its webhooks to {target or 'nowhere'} instead of {url}."] if elsewhere else []),
            *([f"Not subscribed: {', '.join(missing)}."] if missing else []),
            *([f"Paused: {', '.join(paused)}."] if paused else []),
        ]

    def mapping_changed(self, integration: Integration) -> None:
        """Subscribe to newly mapped properties. A failure is logged: the sweep covers what is not subscribed yet."""
        if not integration.webhooks_enabled:
            return
        try:
            self._ensure(integration, asked=False)
        except ConnectorError as error:
            _log.warning("subscriptions_not_ensured", reason=error.reason, integration_id=integration.integration_id)

    def integration_deleted(self, integration: Integration) -> None:
        """Remove the subscriptions that no integration of the app needs any more.

        Those that the CRM refuses to remove stay there, and the log names them: a deletion must end. While the CRM or
        MongoDB is away, their ConnectorError is raised.
        """
        try:
            self._take_down(integration)
        except Exception as error:  # also an unexpected one: a deletion must end, and the log says what is left
            if isinstance(error, ConnectorError) and error.kind in _PASSING:
                raise
            left = self._subscriptions.get(integration.provider, integration.app_id)
            _log.warning(
                "subscriptions_left_in_crm",
                reason=error.reason if isinstance(error, ConnectorError) else type(error).__name__,
                integration_id=integration.integration_id,
                provider=integration.provider,
                app_id=integration.app_id,
                subscription_ids=[subscription.subscription_id for subscription in left],
            )

    def _take_down(self, integration: Integration) -> None:
        others = self._integrations.of_app(integration.provider, integration.app_id)
        if admin := self._admin(integration):
            with self._lock:
                if others:
                    self._remove_unmapped(others[0], admin)
                else:
                    for subscription in self._ours(integration, admin.list()):
                        admin.remove(subscription.subscription_id)
        if others:
            self._pause_unused(others[0])
        else:
            self._subscriptions.delete(integration.provider, integration.app_id)

    def _flag(self, integration: Integration, *, enabled: bool) -> Integration:
        """Store the flag and put the target."""
        if integration.webhooks_enabled is not enabled:
            changed = replace(integration, webhooks_enabled=enabled, revision=integration.revision + 1)
            self._integrations.replace(changed, integration.revision)
            integration = changed
        self._targets.publish(integration)
        return integration

    def _ensure(self, integration: Integration, *, asked: bool) -> None:
        """Make sure that everything wanted is subscribed and active; repeatable.

        An app has one address for its webhooks. Only a person who has `asked` for it takes it from somebody else.
        """
        if not (admin := self._admin(integration)):
            return
        with self._lock:
            url, target = self._url(integration), admin.target().removesuffix("/")
            if target != url and (asked or target in {"", self._subscriptions.url(*_app_of(integration))}):
                admin.set_target(url)
            known = {(found.event, found.property): found for found in admin.list()}
            wanted = self._wanted(integration)
            paused = [known[key].subscription_id for key in wanted if key in known and not known[key].active]
            if paused:
                admin.set_active(paused, active=True)
            for event, name in wanted:
                if (event, name) not in known:
                    admin.create(event, name)
            self._remove_unmapped(integration, admin)
            self._store(integration, admin.list())

    def _remove_unmapped(self, integration: Integration, admin: WebhookAdmin) -> None:
        """Remove subscriptions that we made to properties that no integration of the app maps any more."""
        wanted = set(self._wanted(integration))
        for found in self._subscriptions.get(integration.provider, integration.app_id):
            if found.property and (found.event, found.property) not in wanted:
                admin.remove(found.subscription_id)

    def _pause_unused(self, integration: Integration) -> None:
        """Pause the app's subscriptions if none of its integrations is enabled."""
        if any(other.webhooks_enabled for other in self._integrations.of_app(integration.provider, integration.app_id)):
            return
        if not (admin := self._admin(integration)):
            return
        with self._lock:
            active = [found.subscription_id for found in self._ours(integration, admin.list()) if found.active]
            if active:
                admin.set_active(active, active=False)
            self._store(integration, admin.list())

    def _state(self, integration: Integration) -> WebhookState:
        provider = self._connections.provider(integration.provider)
        mode = provider.capabilities(integration).events
        if mode is not EventMode.WEBHOOK:
            return self._without_webhooks(integration, mode)
        admin = self._admin(integration)
        url = self._url(integration)
        return WebhookState(
            enabled=integration.webhooks_enabled,
            url=url,
            subscriptions=tuple(self._listed(integration, admin)) if admin else (),
            managed=admin is not None,
            instructions="" if admin else provider.webhook_instructions(url, list(integration.mapping.values())),
            events=tuple(dict.fromkeys(event for event, _ in self._wanted(integration))),
            mode=mode,
            expires_at=self._of_accounts.ends_at(integration),
        )

    def _without_webhooks(self, integration: Integration, mode: EventMode) -> WebhookState:
        """Show the stream of an integration, or that there is none."""
        at = self._streams.position(integration) if mode is EventMode.STREAM else None
        return WebhookState(
            *(integration.webhooks_enabled, "", (), False, "", ()),
            mode=mode,
            connected=integration.webhooks_enabled and self._streams.is_connected(integration),
            position_age_seconds=self._streams.position_age(at),
            expires_at=self._of_accounts.ends_at(integration),
        )

    def _listed(self, integration: Integration, admin: WebhookAdmin) -> list[CrmSubscription]:
        """List the subscriptions as the CRM has them; if it does not answer, as they were last.

        Other tenants use the same app: what they have mapped is not for this one to see.
        """
        try:
            found = admin.list()
        except CrmError as error:
            _log.warning("subscriptions_not_listed", reason=error.reason, integration_id=integration.integration_id)
            found = self._subscriptions.get(integration.provider, integration.app_id)
        mapped = {"", *integration.mapping.values()}
        return [subscription for subscription in found if subscription.property in mapped]

    def _wanted(self, integration: Integration) -> list[tuple[str, str]]:
        """Give the subscriptions that the mappings of all the app's integrations need."""
        others = self._integrations.of_app(integration.provider, integration.app_id) if integration.app_id else []
        properties = {name for each in [integration, *others] for name in each.mapping.values()}
        return self._connections.provider(integration.provider).events(sorted(properties))

    def _ours(self, integration: Integration, found: Sequence[CrmSubscription]) -> list[CrmSubscription]:
        """Choose those that we need or have ensured before; others of the same app are somebody else's."""
        stored = {s.subscription_id for s in self._subscriptions.get(integration.provider, integration.app_id)}
        wanted = set(self._wanted(integration))
        return [s for s in found if s.subscription_id in stored or (s.event, s.property) in wanted]

    def _store(self, integration: Integration, found: Sequence[CrmSubscription]) -> None:
        ours = self._ours(integration, found)
        self._subscriptions.put(*_app_of(integration), self._url(integration), ours)

    def _admin(self, integration: Integration) -> WebhookAdmin | None:
        return self._connections.provider(integration.provider).webhooks(integration.app_id)

    def _url(self, integration: Integration) -> str:
        return f"{self._api_url}/api/v1/webhooks/{integration.provider}"


def _app_of(integration: Integration) -> tuple[str, str]:
    return integration.provider, integration.app_id
