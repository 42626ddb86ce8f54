"""The background loop that finishes what a failure interrupted, and renews what ends.

It puts targets that were not put, finishes deletions that are half done, renews subscriptions, and seals credentials
again whose key is not the first one any more.
"""

import time

import structlog

from crm_connector.domain.errors import ConnectorError, StoreUnavailableError
from crm_connector.domain.integration import Integration
from crm_connector.domain.loops import Loop
from crm_connector.domain.timing import Timing
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.usecases.connections import Connections
from crm_connector.usecases.integrations import Integrations
from crm_connector.usecases.loops import Loops
from crm_connector.usecases.subscriptions import Subscriptions
from crm_connector.usecases.targets import Targets

_log = structlog.get_logger()


class Upkeep:
    """Every step is repeatable."""

    def __init__(
        self,
        repository: MongoIntegrations,
        integrations: Integrations,
        targets: Targets,
        subscriptions: Subscriptions,
        connections: Connections,
        loops: Loops,
        timing: Timing,
    ) -> None:
        self._repository = repository
        self._integrations = integrations
        self._targets = targets
        self._subscriptions = subscriptions
        self._connections = connections
        self._loops = loops
        self._timing = timing
        self._all_put_at: float | None = None
        self._failures = 1

    def turn(self) -> float:
        """Put the targets that are due, and now and then all of them; finish deletions. Seconds until the next turn.

        An integration that fails stops no other one; the first error is raised at the end.
        """
        put_all = self._all_put_at is None or time.monotonic() - self._all_put_at > self._timing.targets_again
        all_put, failed = True, list[Exception]()
        for integration in self._repository.all():
            try:
                all_put = self._keep_up(integration, put_all) and all_put
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one, the others are looked after
                failed.append(error)
                if not integration.deleting:
                    self._loops.failed(integration.integration_id, Loop.SETTINGS, error)
        if put_all and all_put:
            self._all_put_at = time.monotonic()
        self._failures = 1 if all_put else self._failures + 1
        if failed:
            raise failed[0]
        return self._timing.retries.upkeep.wait(self._failures)

    def _keep_up(self, integration: Integration, put: bool) -> bool:
        """Do all that is due for one. False = lead-store is away."""
        if integration.deleting:
            self._integrations.finish_deletion(integration)
            return True
        if put:
            self._seal_again(integration.integration_id)
        done = self._put(integration) if put or self._targets.is_due(integration) else True
        self._subscriptions.renew(integration)
        return done

    def _seal_again(self, integration_id: str) -> None:
        try:
            if self._connections.seal_again(integration_id):
                _log.info("credential_sealed_again", integration_id=integration_id)
        except ConnectorError as error:  # the doctor shows one that no key opens
            _log.warning("credential_not_sealed_again", reason=error.reason, integration_id=integration_id)

    def _put(self, integration: Integration) -> bool:
        """Put a target as it is with the present types of its fields. False = lead-store is away."""
        integration_id, failed = integration.integration_id, None
        try:
            integration = self._integrations.refresh(integration)
        except ConnectorError as error:  # its settings are changed at this moment, or lead-store or the CRM is away
            _log.warning("settings_not_checked", reason=error.reason, integration_id=integration_id)
            failed = error
        put = self._targets.publish(integration) is not None
        if not put:
            failed = StoreUnavailableError("store_unavailable", "lead-store did not take the settings.")
        if failed:
            self._loops.failed(integration_id, Loop.SETTINGS, failed)
        else:
            self._loops.succeeded(integration_id, Loop.SETTINGS)
        return put
