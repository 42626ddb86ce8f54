"""Subscriptions of single accounts that end, on a CRM in memory."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from crm_connector.bootstrap import now
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.domain.changes import Changes
from crm_connector.domain.errors import CrmUnavailableError
from crm_connector.domain.integration import Integration
from integration.connector import rig
from integration.connector.builders import TENANT
from integration.connector.crms import kinds
from integration.connector.crms.provider import MemoryProvider
from integration.connector.rig import Parts
from pymongo.database import Database

LASTS = timedelta(days=6)


class Clock:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.at = now()

    def __call__(self) -> datetime:
        """Give the time."""
        return self.at


@pytest.fixture
def clock() -> Clock:
    """The clock of the upkeep."""
    return Clock()


@pytest.fixture
def provider(clock: Clock) -> MemoryProvider:
    """A CRM whose subscriptions last for six days."""
    provider = kinds.guarded()
    provider.account.subscription_end = clock.at + LASTS
    return provider


@pytest.fixture
def parts(db: Database[dict[str, Any]], store: GrpcLeadStore, provider: MemoryProvider, clock: Clock) -> Parts:
    """The use cases, on that clock."""
    return rig.wired(db, {"memory": provider}, store, clock=clock)


@pytest.fixture
def made(parts: Parts) -> Integration:
    """A connected account."""
    return parts.connect(provider="memory")


def subscribed(provider: MemoryProvider) -> int:
    """How often the subscription was made or renewed."""
    return provider.account.calls.count("subscribe")


def test_enabling_subscribes_and_shows_until_when(
    parts: Parts, made: Integration, provider: MemoryProvider, clock: Clock
) -> None:
    """The end is what the CRM says; without webhooks there is no subscription."""
    assert parts.webhooks.status(TENANT, made.integration_id).expires_at is None

    state = parts.webhooks.enable(TENANT, made.integration_id)

    assert (state.expires_at, subscribed(provider)) == (clock.at + LASTS, 1)
    assert parts.webhooks.disable(TENANT, made.integration_id).expires_at is None


def test_the_upkeep_renews_before_it_ends(
    parts: Parts, made: Integration, provider: MemoryProvider, clock: Clock
) -> None:
    """After two thirds of its time, and not before; a third of it is left to repair what is wrong."""
    parts.webhooks.enable(TENANT, made.integration_id)
    upkeep = parts.upkeep()
    clock.at += LASTS * 2 / 3 - timedelta(minutes=1)
    upkeep.turn()
    assert subscribed(provider) == 1

    clock.at += timedelta(minutes=2)
    provider.account.subscription_end = clock.at + LASTS
    upkeep.turn()
    upkeep.turn()

    assert subscribed(provider) == 2
    assert parts.webhooks.status(TENANT, made.integration_id).expires_at == clock.at + LASTS


def test_a_renewal_that_fails_is_tried_again(
    parts: Parts, made: Integration, provider: MemoryProvider, clock: Clock
) -> None:
    """The upkeep goes on with everything else, and tries again after half a minute."""
    parts.webhooks.enable(TENANT, made.integration_id)
    clock.at += LASTS
    provider.account.subscription_fails = True
    upkeep = parts.upkeep()
    upkeep.turn()
    upkeep.turn()
    assert subscribed(provider) == 2

    provider.account.subscription_fails = False
    provider.account.subscription_end = clock.at + LASTS
    clock.at += timedelta(seconds=31)
    upkeep.turn()
    upkeep.turn()

    assert subscribed(provider) == 3


def test_webhooks_are_not_enabled_without_a_subscription(
    parts: Parts, made: Integration, provider: MemoryProvider
) -> None:
    """A CRM that is away makes no promise."""
    provider.account.subscription_fails = True

    with pytest.raises(CrmUnavailableError):
        parts.webhooks.enable(TENANT, made.integration_id)

    assert not parts.integrations.get(TENANT, made.integration_id).webhooks_enabled


def test_it_is_ensured_after_a_start_and_after_a_change_of_the_mapping(
    db: Database[dict[str, Any]], store: GrpcLeadStore, parts: Parts, made: Integration, provider: MemoryProvider
) -> None:
    """What happened while no process ran is unknown, and some CRMs subscribe to fields."""
    parts.webhooks.enable(TENANT, made.integration_id)
    restarted = rig.wired(db, {"memory": provider}, store)
    restarted.upkeep().turn()
    restarted.upkeep().turn()
    assert subscribed(provider) == 2

    restarted.integrations.update(TENANT, made.integration_id, Changes(mapping={"email": "email"}), "")
    restarted.upkeep().turn()

    assert subscribed(provider) == 3


def test_paused_and_disabled_integrations_are_not_renewed(
    parts: Parts, made: Integration, provider: MemoryProvider
) -> None:
    """Nobody needs their events."""
    parts.upkeep().turn()
    parts.webhooks.enable(TENANT, made.integration_id)
    parts.integrations.update(TENANT, made.integration_id, Changes(paused=True, mapping={"email": "email"}), "")
    parts.upkeep().turn()

    assert subscribed(provider) == 1
