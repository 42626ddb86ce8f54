"""The ports of everything that is not a CRM: lead-store and our own storage."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from crm_connector.crm import CrmSubscription
from crm_connector.domain.integration import Credential, Integration
from crm_connector.domain.observation import Decision, LeaseBatch, Observation, Present, Release, WriteResult


class LeadStore(Protocol):
    """lead-store's SyncService. Every method raises StoreUnavailableError when it does not answer in time."""

    def put_target(self, integration: Integration) -> None:
        """Tell lead-store about an integration; repeatable."""
        ...

    def remove_target(self, tenant_id: str, integration_id: str) -> None:
        """Make lead-store forget an integration; repeatable."""
        ...

    def lease(self, wait_seconds: int, busy: Sequence[str]) -> LeaseBatch:
        """Lease due lanes of one integration that is not in `busy`; no leases if there is no work."""
        ...

    def lease_page(self, integration_id: str, records: Sequence[Present]) -> LeaseBatch:
        """Lease those records of a page that changed since their last reading (R9)."""
        ...

    def reconcile(self, observations: Sequence[Observation]) -> list[Decision]:
        """Have 1 to 100 observations decided."""
        ...

    def settle(self, results: Sequence[WriteResult], ends_at: float) -> int:
        """Keep what came of 1 to 100 writes, trying until the monotonic time `ends_at`; how many still counted."""
        ...

    def release(self, releases: Sequence[Release]) -> None:
        """Give lanes back without a decision."""
        ...


class IntegrationRepository(Protocol):
    """Where integrations are kept."""

    def add(self, integration: Integration, sealed: bytes) -> None:
        """Keep a new one. ExistsError `account_connected`, also if only the request id is known."""
        ...

    def get(self, tenant_id: str, integration_id: str) -> Integration:
        """Get one of the tenant's. NotFoundError `integration_not_found`."""
        ...

    def find(self, integration_id: str) -> Integration | None:
        """Get one of any tenant; None if it is gone."""
        ...

    def by_request(self, tenant_id: str, request_id: str) -> Integration | None:
        """Get the one that this request made."""
        ...

    def page(self, tenant_id: str, after: str, limit: int) -> list[Integration]:
        """List the tenant's, oldest first, after this id."""
        ...

    def all(self) -> list[Integration]:
        """List all of them, those being deleted included."""
        ...

    def of_app(self, provider: str, app_id: str) -> list[Integration]:
        """List those of one app that are not being deleted."""
        ...

    def replace(self, integration: Integration, expected_revision: int, sealed: bytes | None = None) -> None:
        """Store a changed one if its revision still is the expected one, else StaleEtagError."""
        ...

    def mark_deleting(self, tenant_id: str, integration_id: str) -> Integration | None:
        """Start a deletion; None if there is nothing to delete."""
        ...

    def delete(self, integration_id: str) -> None:
        """Delete the document; repeatable."""
        ...

    def sealed(self, integration_id: str) -> bytes:
        """Get the sealed credential. NotFoundError if it is gone."""
        ...

    def reseal(self, integration_id: str, expected: bytes, sealed: bytes) -> None:
        """Replace the sealed credential, unless somebody else has."""
        ...


class SubscriptionRepository(Protocol):
    """What was last ensured of an app's webhooks."""

    def put(self, provider: str, app_id: str, url: str, subscriptions: Sequence[CrmSubscription]) -> None:
        """Keep the state of an app."""
        ...

    def get(self, provider: str, app_id: str) -> list[CrmSubscription]:
        """Get the last known state; empty if none."""
        ...

    def delete(self, provider: str, app_id: str) -> None:
        """Forget an app; repeatable."""
        ...


class CursorRepository(Protocol):
    """How far each sweep has come."""

    def get(self, integration_id: str) -> datetime | None:
        """Get the cursor; None before the first sweep."""
        ...

    def put(self, integration_id: str, cursor: datetime) -> None:
        """Move the cursor on; it never goes back."""
        ...

    def delete(self, integration_id: str) -> None:
        """Forget it; repeatable."""
        ...


class Vault(Protocol):
    """Seals credentials; a sealed one opens only for the integration it was sealed for."""

    def seal(self, integration_id: str, credential: Credential) -> bytes:
        """Seal with the first key."""
        ...

    def open(self, integration_id: str, sealed: bytes) -> Credential:
        """Open with whichever key it was sealed with. PreconditionError `credential_unreadable` if none fits."""
        ...
