"""A new LEADSYNC_SECRET_KEY: credentials are sealed again in the background, and the doctor says when that is done."""

from typing import Any

import pytest
from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.domain.integration import Credential
from crm_connector.providers.hubspot.provider import HubSpot
from crm_connector.usecases.check import Check, CheckState
from integration.connector import builders, hub, rig
from integration.connector.hub import Simulator
from integration.connector.rig import Parts
from pymongo.database import Database

OLD, NEW = "old-key-" * 4, "new-key-" * 4


@pytest.fixture
def old(db: Database[dict[str, Any]], store: GrpcLeadStore, provider: HubSpot) -> Parts:
    """A connector with the old key only."""
    return rig.wired(db, {"hubspot": provider}, store, keys=(OLD,))


def restarted(old: Parts, db: Database[dict[str, Any]], provider: HubSpot, *keys: str) -> Parts:
    """The connector after a restart with these keys."""
    return rig.wired(db, {"hubspot": provider}, old.store, keys=keys)


def keys_check(parts: Parts, integration_id: str) -> Check | None:
    """What the doctor says of the keys, if anything."""
    checks = parts.doctor().check("tenant-1", integration_id)
    return next((check for check in checks if check.name == "secret_key"), None)


def test_credentials_are_sealed_again_with_the_first_key(
    old: Parts, db: Database[dict[str, Any]], provider: HubSpot
) -> None:
    """The doctor warns until the old key is not needed; afterwards the new one alone opens all that is stored."""
    made = old.connect().integration_id
    both = restarted(old, db, provider, NEW, OLD)
    before = keys_check(both, made)
    both.upkeep().turn()
    after = keys_check(both, made)
    alone = restarted(old, db, provider, NEW)
    alone.connections.crm(made).account(writes=True)

    assert before is not None
    assert (before.state, "2" in before.finding) == (CheckState.WARNING, True)
    assert after is not None
    assert (after.state, after.fix) == (CheckState.OK, "")
    assert keys_check(alone, made) is None


def test_a_credential_that_no_key_opens_keeps_no_other_from_its_new_key(
    old: Parts, db: Database[dict[str, Any]], provider: HubSpot
) -> None:
    """It is left as it is, and the doctor says that a key is missing."""
    made = old.connect().integration_id
    db.integrations.update_one({"_id": made}, {"$set": {"account_id": "1"}})
    alone = restarted(old, db, provider, NEW, NEW[::-1])
    newer = alone.connect().integration_id
    alone.upkeep().turn()

    check = keys_check(alone, newer)
    assert check is not None
    assert "missing" in check.finding
    assert alone.vault.key_number(alone.repository.sealed(made)) == 0


def test_a_refresh_token_that_was_sealed_again_meanwhile_is_still_replaced(
    old: Parts, db: Database[dict[str, Any]], provider: HubSpot, simulator: Simulator
) -> None:
    """A process that opened the credential before keeps the CRM's next refresh token, and loses it to no other key."""
    made = old.connect(credential=Credential.refresh_token(hub.REFRESH_TOKEN)).integration_id
    answer = {"access_token": hub.TOKEN, "refresh_token": "rotated-1", "expires_in": 1800, "token_type": "bearer"}
    simulator.control.fault(path="/oauth/v1/token", status=200, body=answer)
    both = restarted(old, db, provider, NEW, OLD)
    crm = both.connections.crm(made)

    assert both.connections.seal_again(made)
    crm.observe(builders.record_leases(["1"]), builders.soon())

    kept = both.vault.open(made, both.repository.sealed(made))
    assert kept == Credential.refresh_token("rotated-1")
