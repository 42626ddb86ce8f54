"""Which process is reached how: links on every hop, and what runs twice if it is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from leadsync_cli.settings import Settings
from leadsync_cli.suite.component import Component
from leadsync_cli.suite.ports import free_ports
from leadsync_cli.suite.probes import grpc_answers, grpc_probe

from soak.faults import LINKS
from soak.proxy import Link


def make_links(settings: Settings) -> dict[str, Link]:
    """One link for each hop between two processes."""
    ports = settings.ports
    targets = {
        "hubspot-gateway": ports.gateway,
        "gateway-store": ports.lead_store,
        "gateway-connector": ports.crm_connector,
        "connector-store": ports.lead_store,
        "store-database": ports.mongo,
        "connector-database": ports.mongo,
        "connector-hubspot": ports.simulator,
    }
    return {name: Link(name, port, targets[name]) for name, port in zip(LINKS, free_ports(len(LINKS)), strict=True)}


def wired(
    parts: Sequence[Component], links: Mapping[str, Link], everything: Mapping[str, str], *, pairs: bool
) -> list[Component]:
    """The components, with their calls going through the links; with `pairs`, two gateways and two lead-stores."""
    found = [_behind(component, links, everything) for component in parts]
    if not pairs:
        return found
    port = free_ports(1)[0]
    second = f"127.0.0.1:{port}"
    return [one for component in found for one in _paired(component, second, port)]


def _paired(component: Component, second: str, port: int) -> list[Component]:
    """A component that knows of two lead-stores, and the second one itself."""
    environment = dict(component.environment)
    if "LEAD_STORE_URL" in environment:
        environment["LEAD_STORE_URL"] += f",{second}"
    if component.name == "webhook-gateway":
        environment["GATEWAY_PROCESSES"] = "2"
    first = replace(component, environment=environment)
    if component.name != "lead-store":
        return [first]
    own = {**environment, "LEAD_STORE_PORT": str(port)}
    ready, answers = grpc_probe(port), grpc_answers(port)
    return [first, replace(first, name="lead-store-2", address=second, environment=own, ready=ready, answers=answers)]


def _behind(component: Component, links: Mapping[str, Link], everything: Mapping[str, str]) -> Component:
    """Send a component's calls through the links."""

    def at(link: str) -> str:
        return f"127.0.0.1:{links[link].port}"

    public = {"API_URL": f"http://{at('hubspot-gateway')}"}
    detours: dict[str, dict[str, str]] = {
        "lead-store": {"MONGO_URL": _mongo(everything, links["store-database"])},
        "crm-connector": {
            **public,
            "MONGO_URL": _mongo(everything, links["connector-database"]),
            "LEAD_STORE_URL": at("connector-store"),
            "HUBSPOT_BASE_URL": f"http://{at('connector-hubspot')}",
        },
        "webhook-gateway": {
            **public,
            "LEAD_STORE_URL": at("gateway-store"),
            "CRM_CONNECTOR_URL": at("gateway-connector"),
        },
    }
    return replace(component, environment={**component.environment, **detours.get(component.name, {})})


def _mongo(everything: Mapping[str, str], link: Link) -> str:
    return everything["MONGO_URL"].replace(f":{everything['MONGO_PORT']}/", f":{link.port}/")
