"""docker-compose.yml beside the settings of the services: nothing is forgotten, and nobody gets what is not theirs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from leadsync_cli.commands.secret_files import FILLED_BY_PEOPLE, PASSWORDS
from leadsync_cli.keys import KEY_FILES
from leadsync_cli.suite.catalogue import SIMULATED

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SOURCES = {
    "lead-store": "services/lead-store/src",
    "crm-connector": "services/crm-connector/src",
    "webhook-gateway": "services/webhook-gateway/src",
}
SECRETS = {"MONGO_PASSWORD", "MONGO_URL", "LEADSYNC_SECRET_KEY", "LEADSYNC_IDENTITY_KEY", "LEADSYNC_TOKEN_KEY",
           "HUBSPOT_CLIENT_SECRET", "HUBSPOT_WEBHOOK_SECRET", "HUBSPOT_DEVELOPER_API_KEY",
           "OIDC_CLIENT_SECRET"}  # fmt: skip
VARIABLE = re.compile(r'"((?:API|CRM_CONNECTOR|GATEWAY|HUBSPOT|LEADSYNC|LEAD_STORE|MONGO|OIDC)_[A-Z0-9_]+)"')
# Variables that docker-compose.yml does not pass on, and why.
KEPT_BACK = {
    "CRM_CONNECTOR_PORT": "in a container the port is always the same",
    "GATEWAY_PORT": "in a container the port is always the same",
    "GATEWAY_WEBHOOK_HOST": "in a container all addresses are the same",
    "LEAD_STORE_PORT": "in a container the port is always the same",
    "LEADSYNC_ALLOW_UNSIGNED": "never in production",
    "LEADSYNC_DATABASE_FOLDER": "for a database on the same machine; here MongoDB itself says how full its disk is",
    "LEADSYNC_DATABASE_PREFIX": "MongoDB's users have rights on databases of certain names",
    "LEADSYNC_TIME_SCALE": "for tests",
}


def variables_read(service: str) -> set[str]:
    """Return the names of all variables that the settings of a service read."""
    source = ROOT / SOURCES[service]
    files = [*source.glob("*/*settings.py"), *source.glob("*/tls.py"), *source.glob("*/providers/*/settings.py")]
    assert files
    return {name for file in files for name in VARIABLE.findall(file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("service", SOURCES)
def test_each_variable_that_a_service_reads_is_passed_on_or_left_out_for_a_reason(service: str) -> None:
    """And it gets none that it does not read."""
    read = variables_read(service)
    passed = set(SERVICES[service]["environment"])

    assert read - passed - {name.removesuffix("_FILE") for name in passed} == read & set(KEPT_BACK)
    assert passed <= read | {f"{name}_FILE" for name in read & SECRETS}


def test_every_variable_that_is_left_out_exists() -> None:
    """A variable that no service reads any more needs no reason."""
    assert set(KEPT_BACK) <= set.union(*map(variables_read, SOURCES))


def test_env_example_names_each_setting_of_the_file_with_its_default() -> None:
    """Nothing can be set that it does not tell of, and nothing that it tells of has no effect."""
    example = re.findall(r"(?m)^#?([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"))
    used = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", TEXT)) | dict(re.findall(r"\$\{([A-Z_]+):\?([^}]*)\}", TEXT))
    values = {"HUBSPOT_CLIENT_SECRET", "HUBSPOT_WEBHOOK_SECRET", "HUBSPOT_DEVELOPER_API_KEY"}  # of the simulator's
    told = {name for name, _ in example}

    assert told == set(used) - values - {"LEADSYNC_TAG"} | {"HUBSPOT_CLIENT_SECRET_FILE"}
    for name, value in example:
        if not name.endswith("_FILE") and name not in {"API_URL", "PIP_INDEX_URL"}:
            assert value == used[name], name


def test_secrets_come_as_files_to_those_who_need_them() -> None:
    """Each file has its owners, and `leadsync secrets` makes every one of them."""
    owners: dict[str, set[str]] = {name: set() for name in COMPOSE["secrets"]}
    for service, one in SERVICES.items():
        for name in one.get("secrets", []):
            owners[name].add(service)
        for variable, value in one.get("environment", {}).items():
            assert variable not in SECRETS or value.startswith(("${HUBSPOT_", "mongodb://")), variable

    assert owners == {
        "identity-key": {"lead-store"},
        "secret-key": {"crm-connector"},
        "token-key": {"webhook-gateway"},
        "mongo-root-password": {"mongo"},
        "mongo-lead-store-password": {"mongo", "lead-store"},
        "mongo-crm-connector-password": {"mongo", "crm-connector"},
        "hubspot-client-secret": {"crm-connector", "webhook-gateway"},
        "hubspot-webhook-secret": {"webhook-gateway"},
        "oidc-client-secret": {"webhook-gateway"},
        "hubspot-developer-key": {"crm-connector"},
    }
    assert set(owners) == {*KEY_FILES.values(), *PASSWORDS, *FILLED_BY_PEOPLE}


@pytest.mark.parametrize("service", SERVICES)
def test_no_container_can_do_more_than_it_has_to(service: str) -> None:
    """No capability, no new privilege, nothing to write to, a bound on processes, and ports on loopback only."""
    one = SERVICES[service]

    assert (one["cap_drop"], one.get("cap_add")) == (["ALL"], None)
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one["read_only"]
    assert one["pids_limit"] > 0
    assert "build" in one or one["user"] != "0:0"  # images that are built here have a user of their own
    assert all(port.startswith("127.0.0.1:") for port in one.get("ports", []))


def test_each_service_reaches_only_what_it_calls() -> None:
    """The database is on a network without gateway, simulator and internet; lead-store has no way out at all."""
    networks = {service: set(one["networks"]) for service, one in SERVICES.items()}
    closed = {name for name, one in COMPOSE["networks"].items() if one.get("internal")}

    assert closed == {"data", "calls"}
    assert {service for service, own in networks.items() if "data" in own} == {"mongo", "lead-store", "crm-connector"}
    assert networks["mongo"] == {"data"}
    assert networks["lead-store"] <= closed
    assert not networks["hubspot-simulator"] & closed


def test_nothing_of_the_simulator_counts_outside_its_profile() -> None:
    """Its credentials are published: only deploy/dev.env has them, and its container starts in profile dev only."""
    published = {value for name, value in SIMULATED.items() if re.search(r"SECRET|KEY|TOKEN", name)}

    assert SERVICES["hubspot-simulator"]["profiles"] == ["dev"]
    for file in ("docker-compose.yml", ".env.example"):
        assert not [value for value in published if value in (ROOT / file).read_text(encoding="utf-8")]


@pytest.mark.parametrize(("service", "package"), [("lead-store", "lead_store"), ("crm-connector", "crm_connector")])
def test_a_service_has_rights_on_its_own_database_only(service: str, package: str) -> None:
    """MongoDB's user of a service can read and write one database, and MONGO_URL names this user."""
    users = json.loads((ROOT / "deploy/mongo/users.json").read_text(encoding="utf-8"))
    (found,) = [one for one in users if one["user"] == service]

    assert found["roles"] == [{"role": "readWrite", "db": f"leadsync_{package}"}]
    assert SERVICES[service]["environment"]["MONGO_URL"].startswith(f"mongodb://{service}@mongo:27017/")
    assert SERVICES[service]["environment"]["MONGO_PASSWORD_FILE"] == f"/run/secrets/{found['secret']}"
