"""Addresses among the settings: each reader of them finds the same host, or the service does not start."""

from collections.abc import Callable
from typing import Any

import crm_connector.environment
import crm_connector.settings
import pytest
import webhook_gateway.settings

KEY = "k" * 32
Read = Callable[[dict[str, str]], Any]
CONNECTOR = {"MONGO_URL": "mongodb://db", "LEADSYNC_SECRET_KEY": KEY}
GATEWAY = {"LEADSYNC_TOKEN_KEY": KEY}
SERVICES: dict[str, tuple[Read, dict[str, str]]] = {
    "crm-connector": (crm_connector.settings.Settings.from_env, CONNECTOR),
    "webhook-gateway": (webhook_gateway.settings.Settings.from_env, GATEWAY),
}
REFUSED = (crm_connector.environment.SettingsError, webhook_gateway.settings.SettingsError)
URLS = [("crm-connector", "HUBSPOT_BASE_URL"), ("crm-connector", "API_URL"), ("webhook-gateway", "API_URL")]
TARGETS = [
    ("crm-connector", "LEAD_STORE_URL"),
    ("webhook-gateway", "LEAD_STORE_URL"),
    ("webhook-gateway", "CRM_CONNECTOR_URL"),
]


def fault(service: str, name: str, value: str) -> str:
    """What a service says of a value; empty if it takes it."""
    read, variables = SERVICES[service]
    try:
        read(variables | {name: value})
    except REFUSED as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize(("service", "name"), URLS)
@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example\\@127.0.0.1",  # for urllib3 the host is evil.example, for Python's urlsplit 127.0.0.1
        "http://127.0.0.1\\@evil.example",
        "http://127.0.0.1@evil.example",
        "https://user:hidden@crm.example",
        "http://evil.example%00@127.0.0.1",
        "http://sim%2eevil.example",
        "http://127.0.0.1 .evil.example",
        "https://crm.example\t.evil.example",
        "https://crm.example\n.evil.example",
        "https://crm.example#",
        "https://crm.example?",
        "https://crm.example/#x",
        "https://crm.example:99999",
        "https://[::1]:99999",
        "https://crm.example:port",
        "https://[::1",
        "https://①27.0.0.1",
        "https:///path",
        "//crm.example",
        "ftp://crm.example",
    ],
)
def test_a_url_that_could_be_read_in_two_ways_is_refused(service: str, name: str, url: str) -> None:
    """Neither a user, nor a query, nor characters about which readers differ; the message shows no part of it."""
    said = fault(service, name, url)

    assert "must be an http(s) address with neither user nor query" in said
    assert "hidden" not in said


@pytest.mark.parametrize(("service", "name"), URLS)
@pytest.mark.parametrize(
    "url", ["https://crm.example:8443/base/v1", "HTTPS://CRM.example.", "http://[::1]:1", "https://xn--tst-qla.example"]
)
def test_usual_urls_are_taken(service: str, name: str, url: str) -> None:
    """A path, a port, capitals, an IPv6 address and a name in Punycode are no faults."""
    assert fault(service, name, url) == ""


@pytest.mark.parametrize(("service", "name"), TARGETS)
@pytest.mark.parametrize(
    ("target", "taken"),
    [
        ("lead-store:50051", True),
        ("[::1]:50051", True),
        ("unix:/run/lead-store", True),
        ("lead-store", False),
        ("http://lead-store:50051", False),
        ("user@lead-store:50051", False),
        ("lead store:50051", False),
        ("lead-store:70000", False),
    ],
)
def test_the_address_of_a_service_is_host_and_port(service: str, name: str, target: str, *, taken: bool) -> None:
    """Anything else would be looked up for ever, and never answer."""
    assert ("must be host:port" in fault(service, name, target)) is not taken
