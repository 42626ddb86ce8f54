"""The background loop that finishes what a failure has interrupted: targets that were not put, deletions half done."""

import threading
import time

import structlog

from crm_connector.domain.errors import ConnectorError
from crm_connector.ports import IntegrationRepository
from crm_connector.usecases.integrations import Integrations
from crm_connector.usecases.targets import Targets

_PAUSE_SECONDS = 2.0
# All targets are put again so often, in case lead-store has lost some.
_REPEAT_SECONDS = 300.0
_log = structlog.get_logger()


class Upkeep:
    """Runs until told to stop; every step is repeatable."""

    def __init__(
        self, repository: IntegrationRepository, integrations: Integrations, targets: Targets, stop: threading.Event
    ) -> None:
        self._repository = repository
        self._integrations = integrations
        self._targets = targets
        self._stop = stop
        self._all_put_at: float | None = None

    def run(self) -> None:
        """Turn after turn, with a pause."""
        while not self._stop.is_set():
            try:
                self.turn()
            except ConnectorError as error:
                _log.warning("upkeep_postponed", reason=error.reason)
            except Exception:  # noqa: BLE001 - the loop outlives everything
                _log.exception("upkeep_failed", reason="unexpected")
            self._stop.wait(_PAUSE_SECONDS)

    def turn(self) -> None:
        """Put the targets that are due (all of them now and then) and finish deletions."""
        put_all = self._all_put_at is None or time.monotonic() - self._all_put_at > _REPEAT_SECONDS
        told = True
        for integration in self._repository.all():
            if integration.deleting:
                self._integrations.finish_deletion(integration)
            elif put_all or self._targets.is_due(integration):
                told = self._targets.publish(integration) and told
        if put_all and told:
            self._all_put_at = time.monotonic()
