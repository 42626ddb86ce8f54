"""Keeps lead-store's targets the same as our integrations, whenever lead-store is there."""

import threading

import structlog

from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.domain.errors import StoreRefusedError, StoreUnavailableError
from crm_connector.domain.integration import Integration

_log = structlog.get_logger()


class Targets:
    """Publishes and withdraws targets, one at a time, so that a removed one is not put back by a slower thread."""

    def __init__(self, store: GrpcLeadStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._due: set[str] = set()
        self._gone: set[str] = set()

    def publish(self, integration: Integration) -> int | None:
        """Tell lead-store; how many work items the apply run goes through.

        None = it is not there, and the upkeep will.
        """
        with self._lock:
            if integration.integration_id in self._gone:
                return 0
            try:
                queued = self._store.put_target(integration)
            except (StoreUnavailableError, StoreRefusedError) as error:
                self._due.add(integration.integration_id)
                _log.warning("target_not_put", reason=error.reason, integration_id=integration.integration_id)
                return None
            self._due.discard(integration.integration_id)
            return queued

    def withdraw(self, integration: Integration) -> None:
        """Make lead-store forget it.

        Raises:
            StoreUnavailableError: if it is not there.

        """
        with self._lock:
            self._gone.add(integration.integration_id)
            self._due.discard(integration.integration_id)
            self._store.remove_target(integration.tenant_id, integration.integration_id)

    def is_due(self, integration: Integration) -> bool:
        """Whether lead-store has missed a change."""
        return integration.integration_id in self._due
