"""Subscriptions of single accounts, which may end: they are made with the webhooks and renewed by the upkeep."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog

from crm_connector.crm import Crm
from crm_connector.domain.errors import ConnectorError
from crm_connector.domain.integration import Integration
from crm_connector.domain.loops import Loop
from crm_connector.domain.retry import Retries
from crm_connector.mongo.cursors import MongoCursors
from crm_connector.usecases.loops import Loops

_log = structlog.get_logger()


class Subscriptions:
    """Ensures the subscriptions of integrations whose webhooks are enabled."""

    def __init__(
        self,
        cursors: MongoCursors,
        crm: Callable[[str], Crm],
        loops: Loops,
        now: Callable[[], datetime],
        retries: Retries,
    ) -> None:
        self._cursors = cursors
        self._crm = crm
        self._loops = loops
        self._now = now
        self._retries = retries
        self._lock = threading.Lock()
        self._renew_at: dict[str, tuple[Mapping[str, str], datetime | None]] = {}

    def ensure(self, integration: Integration) -> datetime | None:
        """Make or renew the subscription of an integration: when it ends, None = never. Repeatable."""
        integration_id, now = integration.integration_id, self._now()
        with self._loops.failures(integration_id, Loop.SUBSCRIPTION_RENEWAL):
            ends_at = self._crm(integration_id).ensure_subscription()
        noted = self._loops.recovered if ends_at is None else self._loops.succeeded
        noted(integration_id, Loop.SUBSCRIPTION_RENEWAL)
        self._cursors.put_subscription_end(integration_id, ends_at)
        # A third of its time is left to repair what is wrong.
        self._due(integration, now + (ends_at - now) * 2 / 3 if ends_at is not None else None)
        return ends_at

    def renew(self, integration: Integration) -> None:
        """Renew the subscription if it is due: after a start, after a change of the mapping, and before it ends."""
        if not integration.webhooks_enabled or integration.paused:
            return
        mapping, renew_at = self._renew_at.get(integration.integration_id, ({}, None))
        if mapping == integration.mapping and (renew_at is None or self._now() < renew_at):
            return
        try:
            self.ensure(integration)
        except ConnectorError as error:
            _log.warning("subscription_not_renewed", reason=error.reason, integration_id=integration.integration_id)
            wait = max(self._retries.sweep, self._retries.after(error))
            self._due(integration, self._now() + timedelta(seconds=wait))

    def ends_at(self, integration: Integration) -> datetime | None:
        """When the subscription ends, as it was last ensured by any process; None = never, or there is none."""
        return self._cursors.subscription_end(integration.integration_id) if integration.webhooks_enabled else None

    def _due(self, integration: Integration, renew_at: datetime | None) -> None:
        with self._lock:
            self._renew_at[integration.integration_id] = (integration.mapping, renew_at)
