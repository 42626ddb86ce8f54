"""A second one of each service, beside the first: as two machines behind a load balancer would run them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from leadsync_cli.suite.component import Component, Probe
from leadsync_cli.suite.ports import free_ports
from leadsync_cli.suite.probes import ANSWER_SECONDS, grpc_answers, grpc_probe, http_probe

PORTS = {"lead-store": "LEAD_STORE_PORT", "crm-connector": "CRM_CONNECTOR_PORT", "webhook-gateway": "GATEWAY_PORT"}
CALLERS = ("crm-connector", "webhook-gateway")  # of lead-store


def twin(name: str) -> str:
    """Return the name of the second one."""
    return f"{name}-2"


def with_twins(parts: Sequence[Component]) -> list[Component]:
    """Return the components, with a second one of each service at the end.

    Gateways and connectors know both lead-stores. Each gateway has a connector of its own.
    """
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    first = {one.name: one.address for one in parts}
    stores = f"{first['lead-store']},127.0.0.1:{ports['lead-store']}"
    found = [_knowing(one, stores) if one.name in CALLERS else one for one in parts]
    return found + [_second(one, ports) for one in found if one.name in PORTS]


def _knowing(caller: Component, stores: str) -> Component:
    """Name both lead-stores to a service that calls them."""
    return replace(caller, environment={**caller.environment, "LEAD_STORE_URL": stores})


def _second(first: Component, ports: Mapping[str, int]) -> Component:
    port = ports[first.name]
    environment = {**first.environment, PORTS[first.name]: str(port)}
    if first.name == "webhook-gateway":
        environment["CRM_CONNECTOR_URL"] = f"127.0.0.1:{ports['crm-connector']}"
    ready, answers = _probes(first.name, port)
    address = f"127.0.0.1:{port}"
    return replace(first, name=twin(first.name), address=address, environment=environment, ready=ready, answers=answers)


def _probes(name: str, port: int) -> tuple[Probe, Probe]:
    if name == "webhook-gateway":
        url = f"http://127.0.0.1:{port}"
        return http_probe(f"{url}/readyz"), http_probe(f"{url}/livez", ANSWER_SECONDS)
    return grpc_probe(port), grpc_answers(port)
