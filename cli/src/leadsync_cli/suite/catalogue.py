"""The programs of the suite: how each is started, which variables it gets, and how it shows that it works."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from leadsync_cli.crms.hubspot import local as hubspot
from leadsync_cli.settings import PORT_VARIABLES, Ports, Settings
from leadsync_cli.suite import tls
from leadsync_cli.suite.component import Component, Probe
from leadsync_cli.suite.probes import (
    ANSWER_SECONDS,
    grpc_answers,
    grpc_probe,
    http_probe,
    mongo_answers,
    mongo_probe,
)

# What any process needs to run at all.
SYSTEM = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "LEADSYNC_LOG_LEVEL",
)
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy", "REQUESTS_CA_BUNDLE")

# Each may be given as `NAME_FILE`, the path of a file that holds it.
SECRETS = (
    "MONGO_URL", "MONGO_PASSWORD", "LEADSYNC_IDENTITY_KEY", "LEADSYNC_SECRET_KEY", "LEADSYNC_TOKEN_KEY",
    "OIDC_CLIENT_SECRET",
    *hubspot.SECRETS,
)  # fmt: skip

# Least privilege: a key is given to its owner alone, a credential to its users.
GRANTS: Mapping[str, tuple[str, ...]] = {
    "database": (),
    "simulator": ("SIMULATOR_PORT", "SIMULATOR_STATE"),
    "lead-store": (
        "LEAD_STORE_PORT", "MONGO_URL", "MONGO_PASSWORD", "LEADSYNC_DATABASE_PREFIX", "LEADSYNC_IDENTITY_KEY",
        "LEADSYNC_LEASE_SECONDS", "LEAD_STORE_METRICS_PORT", "LEADSYNC_PLATFORM", "LEADSYNC_RETENTION_DAYS",
        "LEADSYNC_QUARANTINE_DAYS", "LEADSYNC_TIME_SCALE", "LEADSYNC_MIN_FREE_MB", "LEADSYNC_DATABASE_FOLDER",
        "LEADSYNC_ACCEPT_NEW_KEYS",
    ),
    "crm-connector": (
        "CRM_CONNECTOR_PORT", "CRM_CONNECTOR_METRICS_PORT", "LEAD_STORE_PORT", "GATEWAY_PORT", "API_URL", "MONGO_URL",
        "MONGO_PASSWORD", "LEADSYNC_DATABASE_PREFIX", "LEADSYNC_PLATFORM", "LEADSYNC_SECRET_KEY",
        "LEADSYNC_SWEEP_SECONDS", "LEADSYNC_TIME_SCALE", "LEADSYNC_ACCEPT_NEW_KEYS", "LEADSYNC_TRUSTED_HTTP_HOSTS",
        *hubspot.OF_CONNECTOR,
    ),
    "webhook-gateway": (
        "GATEWAY_HOST", "GATEWAY_PORT", "GATEWAY_WEBHOOK_HOST", "GATEWAY_WEBHOOK_PORT", "GATEWAY_PROCESSES",
        "GATEWAY_ACCOUNT_PERCENT", "LEAD_STORE_PORT",
        "CRM_CONNECTOR_PORT", "API_URL", "LEADSYNC_ALLOW_UNSIGNED", "LEADSYNC_OPERATOR_TENANT", "LEADSYNC_TOKEN_KEY",
        "LEADSYNC_TOKEN_DAYS", "LEADSYNC_REVOKED_TOKENS", "GATEWAY_TRUSTED_PROXIES",
        "OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_CLAIM",
        *hubspot.OF_GATEWAY,
    ),
}  # fmt: skip

# The account, app and credentials that the simulator has from the start.
SIMULATED_ACCOUNT = hubspot.SIMULATED_ACCOUNT
SIMULATED = hubspot.SIMULATED


def suite_environment(settings: Settings, keys: Mapping[str, str]) -> dict[str, str]:
    """Return every variable of the suite: the user's, completed with ports, keys and what the simulator implies."""
    ports = settings.ports
    variables = dict(settings.environment)
    variables |= {variable: str(getattr(ports, name)) for name, variable in PORT_VARIABLES.items()}
    variables |= {name: key for name, key in keys.items() if f"{name}_FILE" not in variables}
    variables[hubspot.ACCESS_TOKEN] = settings.secret(hubspot.ACCESS_TOKEN)  # no program gets it
    variables.setdefault("API_URL", gateway_url(ports))
    variables["LEADSYNC_PLATFORM"] = settings.platform
    if settings.embedded_database:
        _drop(variables, "MONGO_PASSWORD")
        variables["MONGO_URL"] = embedded_mongo_url(ports) + tls.database_query(settings)
        variables["LEADSYNC_DATABASE_FOLDER"] = str(settings.data_dir / "mongo")
    if settings.simulator:
        _drop(variables, *hubspot.SECRETS, *PROXIES)
        variables |= SIMULATED | {hubspot.BASE_URL: simulator_url(ports)}
        # Beside the embedded database: one without the other would link leads to other people's records.
        variables["SIMULATOR_STATE"] = str(settings.data_dir / "simulator.json")
    return variables


def components(settings: Settings, variables: Mapping[str, str]) -> list[Component]:
    """Return the programs to run, each after those that it needs at its start."""
    ports, found = settings.ports, []
    if settings.embedded_database:
        found.append(_database(settings, variables))
    if settings.simulator:
        control = f"{simulator_url(ports)}/_control"
        probes = http_probe(control), http_probe(control, ANSWER_SECONDS)
        found.append(_python("simulator", hubspot.SIMULATOR, ports.simulator, probes, (), variables))
    store, connector = (
        (grpc_probe(port, home), grpc_answers(port, home))
        for port, home in (
            (ports.lead_store, tls.home_of(settings, "lead-store")),
            (ports.crm_connector, tls.home_of(settings, "crm-connector")),
        )
    )
    gateway = http_probe(f"{gateway_url(ports)}/readyz"), http_probe(f"{gateway_url(ports)}/livez", ANSWER_SECONDS)
    first = tuple(component.name for component in found)
    found += [
        _python("lead-store", "lead_store", ports.lead_store, store, first, variables),
        _python("crm-connector", "crm_connector", ports.crm_connector, connector, ("lead-store",), variables),
        _python("webhook-gateway", "webhook_gateway", ports.gateway, gateway, ("lead-store",), variables),
    ]
    return [replace(one, environment={**one.environment, **tls.variables_of(settings, one.name)}) for one in found]


def wanted_ports(settings: Settings) -> dict[str, int]:
    """Return the ports that will be listened on, by the variable that sets them."""
    unused = {
        name for name, used in (("mongo", settings.embedded_database), ("simulator", settings.simulator)) if not used
    }
    return {var: getattr(settings.ports, name) for name, var in PORT_VARIABLES.items() if name not in unused}


def gateway_url(ports: Ports) -> str:
    """Return the address at which this machine reaches the gateway."""
    return f"http://127.0.0.1:{ports.gateway}"


def simulator_url(ports: Ports) -> str:
    """Return the address of the CRM simulator."""
    return f"http://127.0.0.1:{ports.simulator}"


def embedded_mongo_url(ports: Ports) -> str:
    """Return the address of the embedded database; direct, since it is a replica set of one."""
    return f"mongodb://127.0.0.1:{ports.mongo}/?directConnection=true"


def _database(settings: Settings, variables: Mapping[str, str]) -> Component:
    """The embedded MongoDB server: a separate program, never imported. Each commit is on disk before its answer."""
    program = Path(sys.executable).with_name("secantusd-py")
    port = settings.ports.mongo
    options, url = tls.database_options(settings), embedded_mongo_url(settings.ports) + tls.database_query(settings)
    command = (str(program), "--host", "127.0.0.1", "--port", str(port), "--sync-on-commit", *options)
    return Component(
        name="database",
        command=(*command, "--storage-path", str(settings.data_dir / "mongo")),
        address=f"127.0.0.1:{port}",
        ready=mongo_probe(url),
        answers=mongo_answers(url),
        environment=_granted("database", variables),
    )


def _python(
    name: str,
    package: str,
    port: int,
    probes: tuple[Probe, Probe],
    after: tuple[str, ...],
    variables: Mapping[str, str],
) -> Component:
    """One of our own packages; -P keeps the current directory out of its import path."""
    ready, answers = probes
    return Component(
        name=name,
        command=(sys.executable, "-P", "-m", package),
        address=f"127.0.0.1:{port}",
        ready=ready,
        answers=answers,
        after=after,
        environment=_granted(name, variables),
    )


def _drop(variables: dict[str, str], *names: str) -> None:
    """Remove variables, also where they are given as files."""
    for name in names:
        variables.pop(name, None)
        variables.pop(f"{name}_FILE", None)


def _granted(name: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a component gets."""
    allowed = (*SYSTEM, *GRANTS[name], *(PROXIES if name == "crm-connector" else ()))
    allowed = (*allowed, *(f"{variable}_FILE" for variable in allowed if variable in SECRETS))
    granted = {variable: variables[variable] for variable in allowed if variable in variables}
    return granted | {"PYTHONUNBUFFERED": "1"}
