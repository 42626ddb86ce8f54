"""Which service may call what: every method of the contracts has its place in a table."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import crm_connector.rpc.callers
import lead_store.rpc.callers
import lead_store.rpc.server
import pytest
from leadsync.integration.v1 import integration_service_pb2
from leadsync.lead.v1 import lead_service_pb2

SERVICES = Path(__file__).resolve().parents[2] / "services"
STORE, CONNECTOR = lead_store.rpc.callers.CALLERS, crm_connector.rpc.callers.CALLERS
WORK = {"LeaseWork", "Reconcile", "SettleWrites", "ReleaseWork", "PutTarget", "RemoveTarget"}


def methods_of(*contracts: ModuleType) -> dict[str, set[str]]:
    """The methods of the services of these contracts."""
    services = [service for module in contracts for service in module.DESCRIPTOR.services_by_name.values()]
    return {service.full_name: {method.name for method in service.methods} for service in services}


def callable_by(name: str) -> set[tuple[str, str]]:
    """What a service may call, as (service, method)."""
    tables = [*STORE.items(), *CONNECTOR.items()]
    return {(service, method) for service, table in tables for method, names in table.items() if name in names}


@pytest.mark.parametrize(
    ("table", "contracts"),
    [
        (STORE, [item for item in lead_store.rpc.server.CONTRACTS if item.DESCRIPTOR.package.startswith("leadsync.")]),
        (CONNECTOR, [integration_service_pb2]),
    ],
    ids=["lead-store", "crm-connector"],
)
def test_each_method_says_who_may_call_it(
    table: Mapping[str, Mapping[str, frozenset[str]]], contracts: list[ModuleType]
) -> None:
    """A method without an entry can be called by nobody, and an entry without a method is a slip of the pen."""
    assert {service: set(methods) for service, methods in table.items()} == methods_of(*contracts)
    assert all(names for methods in table.values() for names in methods.values())


def test_platform_services_get_the_public_methods_about_leads_and_nothing_else() -> None:
    """Another service of the platform neither sees the work, nor the inbox, nor integrations."""
    assert {service for service, _ in callable_by("platform")} == {
        "leadsync.lead.v1.LeadService",
        "leadsync.lead.v1.LeadFieldService",
    }
    leads = {method for service, method in callable_by("platform") if service == "leadsync.lead.v1.LeadService"}
    assert leads == methods_of(lead_service_pb2)["leadsync.lead.v1.LeadService"]


def test_the_work_is_the_connectors_alone() -> None:
    """Whoever is not crm-connector cannot lease work, report what a record looks like, or change targets."""
    work = {("leadsync.sync.v1.WorkService", method) for method in WORK}

    assert work <= callable_by("crm-connector")
    assert not work & callable_by("webhook-gateway")


def used_by(package: str) -> Iterator[tuple[str, str]]:
    """Yield (stub, method) for each method of a stub that a service's code names."""
    for path in (SERVICES / package / "src").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        stubs = {
            node.targets[0].attr: ast.unparse(node.value.func).rpartition(".")[2]
            for node in nodes
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Attribute)
            and isinstance(node.value, ast.Call)
            and ast.unparse(node.value.func).endswith("Stub")
        }
        for node in nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr in stubs:
                yield stubs[node.value.attr], node.attr


@pytest.mark.parametrize(("package", "least"), [("webhook-gateway", 40), ("crm-connector", 15)])
def test_a_service_may_call_what_its_code_calls(package: str, least: int) -> None:
    """Each call that is in the code of a service is allowed to it: else it would fail with TLS only."""
    used = set(used_by(package))
    allowed = {(f"{service.rpartition('.')[2]}Stub", method) for service, method in callable_by(package)}

    assert len(used) >= least
    assert used - allowed == set()
