"""The background loop that finishes what a failure interrupted: targets that were not put, deletions half done."""

import time

from crm_connector.domain.timing import Timing
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.usecases.integrations import Integrations
from crm_connector.usecases.targets import Targets


class Upkeep:
    """Every step is repeatable."""

    def __init__(
        self, repository: MongoIntegrations, integrations: Integrations, targets: Targets, timing: Timing
    ) -> None:
        self._repository = repository
        self._integrations = integrations
        self._targets = targets
        self._all_put_at: float | None = None
        self._timing = timing
        self._failures = 1

    def turn(self) -> float:
        """Put the targets that are due, and now and then all of them; finish deletions. Seconds until the next turn."""
        put_all = self._all_put_at is None or time.monotonic() - self._all_put_at > self._timing.targets_again
        all_put = True
        for integration in self._repository.all():
            if integration.deleting:
                self._integrations.finish_deletion(integration)
            elif put_all or self._targets.is_due(integration):
                all_put = self._targets.publish(integration) is not None and all_put
        if put_all and all_put:
            self._all_put_at = time.monotonic()
        self._failures = 1 if all_put else self._failures + 1
        return self._timing.retries.upkeep.wait(self._failures)
