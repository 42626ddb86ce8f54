"""The background loop that finishes what a failure has interrupted: targets that were not put, deletions half done."""

import time

from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.usecases.integrations import Integrations
from crm_connector.usecases.targets import Targets

_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 2.0, 30.0
# All targets are put again so often, in case lead-store has lost some.
_REPEAT_SECONDS = 300.0


class Upkeep:
    """Every step is repeatable."""

    def __init__(self, repository: MongoIntegrations, integrations: Integrations, targets: Targets) -> None:
        self._repository = repository
        self._integrations = integrations
        self._targets = targets
        self._all_put_at: float | None = None
        self._pause = _PAUSE_SECONDS

    def turn(self) -> float:
        """Put the targets that are due (all of them now and then) and finish deletions; seconds until the next turn."""
        put_all = self._all_put_at is None or time.monotonic() - self._all_put_at > _REPEAT_SECONDS
        told = True
        for integration in self._repository.all():
            if integration.deleting:
                self._integrations.finish_deletion(integration)
            elif put_all or self._targets.is_due(integration):
                told = self._targets.publish(integration) is not None and told
        if put_all and told:
            self._all_put_at = time.monotonic()
        self._pause = _PAUSE_SECONDS if told else min(self._pause * 2, _LONGEST_PAUSE_SECONDS)
        return self._pause
