"""The largest mappings: no request grows beyond what HubSpot takes."""

import pytest
from crm_connector.domain.integration import Integration
from crm_connector.domain.mapping import MAX_MAPPED_FIELDS
from crm_connector.domain.run import RunKind
from crm_connector.providers.hubspot.defaults import DEFAULT_MAPPING, LIMITS
from integration.connector import builders, hub
from integration.connector.builders import TENANT, record_leases
from integration.connector.hub import BATCH_READ, LIST, SEARCH, Simulator
from integration.connector.lead_store_double import StoreDouble, lease_all
from integration.connector.rig import Parts


def names_of(count: int, length: int) -> list[str]:
    """Names of properties."""
    return [f"{number:03}_".ljust(length, "x") for number in range(count)]


@pytest.fixture
def simulator(simulator: Simulator) -> Simulator:
    """A HubSpot that lets us define many properties at once."""
    simulator.control.set(rate_limit_per_10_seconds=0, search_lag_seconds=0.0)
    return simulator


def connected(parts: Parts, simulator: Simulator, names: list[str]) -> Integration:
    """Connect with the default mapping and these properties."""
    with hub.http(simulator.url) as api:
        for name in names:
            body = {"name": name, "label": name, "groupName": "contactinformation", "type": "string"}
            assert api.post("/crm/v3/properties/contacts", json=body | {"fieldType": "text"}).status_code == 201
    mapping = DEFAULT_MAPPING | {f"custom_fields.f{name[:3]}": name for name in names}
    made = parts.connect(mapping=mapping)
    simulator.control.reset_calls()
    return made


@pytest.mark.parametrize(
    ("count", "length"),
    [(59, 45), (189, 95), (MAX_MAPPED_FIELDS - len(DEFAULT_MAPPING), LIMITS.property_name)],
)
def test_a_large_mapping_is_swept_imported_and_read(
    parts: Parts, double: StoreDouble, simulator: Simulator, count: int, length: int
) -> None:
    """A page lists its records, which are then read by body; nothing that is sent is refused."""
    double.page = lease_all
    names = names_of(count, length)
    made = connected(parts, simulator, names)
    ids = simulator.control.create_contacts(5)
    simulator.control.edit_contact(ids[0], {names[-1]: "last"})

    parts.sweep().sweep(made)
    run = parts.ended(parts.start(made, RunKind.IMPORT))
    parts.connections.crm(made.integration_id).observe(record_leases([*ids, "123"]), builders.soon())
    parts.connections.crm(made.integration_id).observe(record_leases(ids, history=True), builders.soon())

    log = simulator.control.call_log()
    assert {"400", "414"}.isdisjoint(log["statuses"])
    assert (run.state.value, run.done, parts.runs.get(TENANT, run.run_id).reason) == ("succeeded", 5, "")
    readings = [{one.field: one.value for one in seen.present.readings} for seen in double.observations]
    assert sorted(one[f"custom_fields.f{count - 1:03}"] for one in readings) == [*[""] * 8, "last", "last"]
    assert all(len(one) == count + len(DEFAULT_MAPPING) for one in readings)


def test_a_small_mapping_takes_one_call_a_page(parts: Parts, double: StoreDouble, simulator: Simulator) -> None:
    """As long as a page has room for the names, it comes with the values."""
    double.page = lease_all
    made = connected(parts, simulator, names_of(25, 45))
    simulator.control.create_contacts(5)

    parts.sweep().sweep(made)
    parts.ended(parts.start(made, RunKind.IMPORT))

    calls = simulator.control.calls()
    assert (calls[SEARCH], calls[LIST], calls.get(BATCH_READ)) == (2, 1, None)  # one of the searches counts the records
