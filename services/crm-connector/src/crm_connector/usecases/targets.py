"""Keeps lead-store's targets the same as our integrations."""

import threading
from collections.abc import Mapping

import structlog

from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.crm import CrmProvider
from crm_connector.domain.errors import StoreRefusedError, StoreUnavailableError
from crm_connector.domain.integration import Integration

_log = structlog.get_logger()


class Targets:
    """Publishes and withdraws targets, one at a time, so that a removed one is not put back by a slower thread."""

    def __init__(self, store: GrpcLeadStore, providers: Mapping[str, CrmProvider]) -> None:
        """`providers` say what the CRMs can do."""
        self._store = store
        self._providers = providers
        self._lock = threading.Lock()
        self._due: set[str] = set()
        self._withdrawn: set[str] = set()

    def publish(self, integration: Integration) -> int | None:
        """Put the target: the number of work items that the apply run goes through.

        None = lead-store is away, and the upkeep puts it later.
        """
        with self._lock:
            if integration.integration_id in self._withdrawn:
                return 0
            try:
                provider = self._providers[integration.provider]
                queued = self._store.put_target(integration, provider.capabilities(integration), provider.name)
            except (StoreUnavailableError, StoreRefusedError) as error:
                self._due.add(integration.integration_id)
                _log.warning("target_not_put", reason=error.reason, integration_id=integration.integration_id)
                return None
            self._due.discard(integration.integration_id)
            return queued

    def withdraw(self, integration: Integration) -> None:
        """Remove the target.

        Raises:
            StoreUnavailableError: if lead-store is away.

        """
        with self._lock:
            self._withdrawn.add(integration.integration_id)
            self._due.discard(integration.integration_id)
            self._store.remove_target(integration.tenant_id, integration.integration_id)

    def is_due(self, integration: Integration) -> bool:
        """Whether lead-store has missed a change."""
        return integration.integration_id in self._due
