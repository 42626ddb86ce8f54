"""CRMs that cannot do what HubSpot can, and others that can more: in memory, on a real lead-store or its double."""

from typing import Any

import pytest
import structlog
from crm_connector.crm import Access
from crm_connector.domain.capabilities import EventMode
from crm_connector.domain.errors import InvalidError
from crm_connector.domain.integration import Credential, CredentialKind, Integration
from crm_connector.domain.observation import LeaseBatch
from crm_connector.domain.run import RunKind
from crm_connector.usecases.check import CheckState
from crm_connector.usecases.connections import RenewedToken
from integration.connector import builders
from integration.connector.builders import TENANT, a_batch, record_leases
from integration.connector.conftest import Wire
from integration.connector.crms import kinds
from integration.connector.crms.provider import MemoryProvider
from integration.connector.lead_store_double import StoreDouble, lease_all
from integration.connector.rig import Parts
from lead_store_calls import LeadStore
from leadsync.lead.v1 import lead_field_pb2, lead_pb2


def connected(parts: Parts, **more: Any) -> Integration:
    """Connect the account in memory."""
    return parts.connect(provider="memory", **more)


def linked(parts: Parts, inside: LeadStore, provider: MemoryProvider, **values: str) -> tuple[str, lead_pb2.Lead]:
    """A record, and the lead that was imported from it."""
    record_id = provider.account.create({"email": "ann@example.com", **values})
    made = connected(parts)
    parts.ended(parts.start(made, RunKind.IMPORT))
    (lead,) = inside.all_leads()
    provider.account.calls.clear()
    return record_id, lead


def lease_and_lose(parts: Parts, inside: LeadStore, provider: MemoryProvider) -> None:
    """Do the due work, whose write lands without an answer, and let its lease end."""
    provider.account.faults.append("lose_answer")
    parts.work_off()
    assert provider.account.faults == []
    for work in inside.work():
        inside.expire_lease(work.work_item_id)


def test_r2_without_history_the_value_says_whether_a_write_landed(wire_real: Wire, inside: LeadStore) -> None:
    """A write whose answer was lost, and whose value is there, is ours: nothing is written again, nobody is asked."""
    provider = kinds.without_history()
    parts = wire_real(provider)
    record_id, lead = linked(parts, inside, provider, name="Ann")
    inside.update(lead.lead_id, first_name="Anna")
    lease_and_lose(parts, inside, provider)

    parts.work_off()

    assert provider.account.calls.count("write") == 1
    assert provider.account.records[record_id].values["name"] == "Anna"
    after = inside.get(lead.lead_id)
    assert (after.first_name, list(after.links[0].conflicts)) == ("Anna", [])


def test_needs_history_is_never_asked_of_a_crm_that_has_none(wire_real: Wire, inside: LeadStore) -> None:
    """Both sides changed a field: the decision is taken on one reading, whatever the rule would like to know."""
    provider = kinds.without_history()
    parts = wire_real(provider)
    record_id, lead = linked(parts, inside, provider, name="Ann")
    inside.update(lead.lead_id, first_name="Anna")
    provider.account.edit(record_id, {"name": "Anne"})

    parts.work_off()

    assert provider.account.calls.count("read") == 1
    assert inside.get(lead.lead_id).first_name == provider.account.records[record_id].values["name"]


def test_a_stale_write_changes_nothing_and_is_planned_again(wire_real: Wire, inside: LeadStore) -> None:
    """A person edits between our reading and our write: the CRM refuses it, and the next reading merges both edits."""
    provider = kinds.guarded()
    parts = wire_real(provider)
    record_id, lead = linked(parts, inside, provider, name="Ann")
    inside.update(lead.lead_id, first_name="Anna")
    provider.account.before_write = lambda: provider.account.edit(record_id, {"email": "new@example.com"})

    parts.job().run(parts.store.lease(0, []))
    assert provider.account.records[record_id].values["name"] == "Ann"
    provider.account.before_write = lambda: None
    parts.work_off()

    values = provider.account.records[record_id].values
    assert (values["name"], values["email"]) == ("Anna", "new@example.com")
    after = inside.get(lead.lead_id)
    assert (after.first_name, after.email, list(after.links[0].conflicts)) == ("Anna", "new@example.com", [])


def test_r2_the_stamp_says_that_a_write_landed(wire_real: Wire, inside: LeadStore) -> None:
    """After a lost answer the record carries our write's id, so that a later edit of the field is known as an edit."""
    provider = kinds.guarded()
    parts = wire_real(provider)
    record_id, lead = linked(parts, inside, provider, name="Ann")
    inside.update(lead.lead_id, first_name="Anna")
    lease_and_lose(parts, inside, provider)
    provider.account.edit(record_id, {"name": "Anne"})

    parts.work_off()

    after = inside.get(lead.lead_id)
    assert (after.first_name, list(after.links[0].conflicts)) == ("Anne", [])
    assert provider.account.records[record_id].values["name"] == "Anne"


def test_links_show_object_and_page(wire_real: Wire, inside: LeadStore) -> None:
    """People get from a lead to its record."""
    provider = kinds.guarded()
    record_id, lead = linked(wire_real(provider), inside, provider)

    assert (lead.links[0].object, lead.links[0].record_url) == ("record", f"https://crm.example.com/{record_id}")


def test_r4_a_crm_of_late_landings_is_not_written_unguarded(wire: Wire, double: StoreDouble) -> None:
    """R4: where an unguarded write may land after ten minutes, no lease is long enough, and that is logged once."""
    provider = kinds.without_history(late_landing=600.0)
    parts = wire(provider)
    record_id = provider.account.create({"name": "Ann"})
    made = connected(parts)
    double.decide = lambda seen: builders.update(seen, first_name="Anna")

    job = parts.job()
    with structlog.testing.capture_logs() as logged:
        for _ in range(2):
            job.run(of(made, record_id))

    assert [result.not_sent.reason for result in double.results] == ["lease_too_short"] * 2
    assert provider.account.records[record_id].values["name"] == "Ann"
    assert [entry["needed_seconds"] for entry in logged if entry["log_level"] == "error"] == [602.0]


def test_r4_a_guarded_write_needs_no_margin(wire: Wire, double: StoreDouble) -> None:
    """R4: when it lands late, the CRM refuses it if the record has changed meanwhile."""
    provider = kinds.guarded()
    parts = wire(provider)
    record_id = provider.account.create({"name": "Ann"})
    double.decide = lambda seen: builders.update(seen, first_name="Anna")

    parts.job().run(of(connected(parts), record_id))

    assert (double.outcomes(), provider.account.records[record_id].values["name"]) == (["done"], "Anna")


def test_the_sweep_looks_back_as_far_as_the_crm_needs(wire: Wire, double: StoreDouble) -> None:
    """The overlap is the CRM's: what changed within it is searched again; removed records are looked for each time."""
    double.page = lease_all
    provider = kinds.without_history()
    parts = wire(provider)
    record_id = provider.account.create({"name": "Ann"})
    removed = provider.account.create({"name": "Bob"})
    made = connected(parts)
    provider.account.archive(removed)
    modified = provider.account.records[record_id].modified_at

    parts.sweep().turn()

    cursor = parts.cursors.get(made.integration_id)
    assert cursor is not None
    assert 110 < (modified - cursor).total_seconds() < 130
    assert provider.account.calls.count("list removed") == 1
    assert double.state_of(f"work-{removed}") == "archived"


def test_a_crm_without_events_says_so(wire: Wire) -> None:
    """The status has the mode, and the doctor finds nothing wrong with it."""
    parts = wire(kinds.without_history())
    made = connected(parts)

    checks = {check.name: check for check in parts.doctor().check(TENANT, made.integration_id)}

    assert parts.webhooks.status(TENANT, made.integration_id).mode is EventMode.SWEEP
    assert checks["subscriptions"].state is CheckState.OK


def test_values_are_converted_by_the_kind_of_the_property(wire: Wire, double: StoreDouble) -> None:
    """A number reads as canonical text, a text in its place as it is, and both are written as they came."""
    double.types["custom_fields.score"] = lead_field_pb2.FIELD_TYPE_NUMBER
    provider = kinds.guarded()
    parts = wire(provider)
    first, second = provider.account.create({"score": "12.50"}), provider.account.create({"score": "a lot"})
    made = connected(parts, mapping={"email": "email", "custom_fields.score": "score"})
    double.decide = lambda seen: builders.update(seen, **{"custom_fields.score": "7.0"})

    parts.job().run(of(made, first, second))

    values = [
        reading.value
        for seen in double.observations
        for reading in seen.present.readings
        if reading.field == "custom_fields.score"
    ]
    assert values == ["12.5", "a lot"]
    assert provider.account.records[first].values["score"] == "7"
    assert double.targets[made.integration_id].mapping_fingerprint == made.field_mapping.fingerprint


def test_types_that_were_declared_later_are_found_by_the_upkeep(wire: Wire, double: StoreDouble) -> None:
    """The check of a mapping needs them. lead-store applies a new type by itself: no run is started."""
    parts = wire(kinds.guarded())
    made = connected(parts, mapping={"email": "email", "custom_fields.score": "score"})
    double.types["custom_fields.score"] = lead_field_pb2.FIELD_TYPE_NUMBER

    parts.upkeep().turn()

    fresh = parts.integrations.get(TENANT, made.integration_id)
    assert (fresh.revision, fresh.types["custom_fields.score"].value) == (2, "number")
    assert fresh.field_mapping.fingerprint == made.field_mapping.fingerprint
    assert fresh.apply_run_id == made.apply_run_id
    parts.upkeep().turn()
    assert parts.integrations.get(TENANT, made.integration_id).revision == 2


def test_the_doctor_knows_types_that_were_declared_since(wire: Wire, double: StoreDouble) -> None:
    """A declaration may make a saved mapping useless. The doctor says so at once, not only after the next upkeep."""
    parts = wire(kinds.guarded())
    made = connected(parts, mapping={"email": "email", "custom_fields.score": "score"})
    double.types["custom_fields.score"] = lead_field_pb2.FIELD_TYPE_DATE

    (check,) = [one for one in parts.doctor().check(TENANT, made.integration_id) if one.name == "mapping"]

    assert check.state is CheckState.FAILED
    assert "custom_fields.score: The lead field is of type date and `score` of type decimal" in check.finding


def test_a_pair_of_types_that_never_fits_is_refused(wire: Wire, double: StoreDouble) -> None:
    """Saving says why, before anything is stored."""
    double.types["custom_fields.born"] = lead_field_pb2.FIELD_TYPE_DATE

    with pytest.raises(InvalidError, match="is of type date and `score` of type decimal") as caught:
        connected(wire(kinds.guarded()), mapping={"custom_fields.born": "score"})

    assert caught.value.field == "field_mapping.custom_fields.born"


CLIENT = Credential(
    CredentialKind.CLIENT_CREDENTIALS, {"client_id": "a", "client_secret": "b", "instance_url": "https://acme.example"}
)


def test_a_credential_of_several_secrets_connects(wire: Wire) -> None:
    """The provider gets whatever the kind has, also after a restart."""
    provider = kinds.guarded()
    parts = wire(provider)

    made = connected(parts, credential=CLIENT)

    assert (made.credential_kind, provider.asked[-1]) == (CredentialKind.CLIENT_CREDENTIALS, CLIENT)
    assert parts.vault.open(made.integration_id, parts.repository.sealed(made.integration_id)) == CLIENT


def test_a_token_without_an_expiry_lasts_until_it_is_refused() -> None:
    """It comes with the address of its account; a token that another thread has replaced already is not renewed."""
    provider = kinds.guarded()
    token = RenewedToken(provider, CLIENT, lambda _: None)

    assert token.get() == token.get() == Access("access", "https://acme.crm.example.com")
    assert len(provider.asked) == 1
    token.reject("an older one")
    token.get()
    assert len(provider.asked) == 1
    token.reject("access")
    token.get()
    assert len(provider.asked) == 2


def test_a_kind_of_credential_that_the_crm_has_not_is_refused(wire: Wire) -> None:
    """The error names the credential."""
    provider = kinds.guarded()
    provider.supported = {CredentialKind.OAUTH}

    with pytest.raises(InvalidError) as caught:
        connected(wire(provider), credential=CLIENT)

    assert (caught.value.reason, caught.value.field) == ("credential_not_supported", "client_credentials")


def of(made: Integration, *record_ids: str) -> LeaseBatch:
    """Lease these records of an integration."""
    batch = a_batch(*record_leases(record_ids))
    return LeaseBatch(made.integration_id, batch.claimed_at, batch.lease_seconds, batch.leases)
