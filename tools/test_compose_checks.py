"""Checks of the containers and images of a running project."""

import json
import os
import re
from typing import Any

from leadsync_cli.demo.checklist import Checklist

from tools.test_compose_project import OWNERS, Project

# Our services, each with its own package; beside it an image contains only the contracts.
PACKAGES = {
    "lead-store": "lead_store",
    "crm-connector": "crm_connector",
    "webhook-gateway": "webhook_gateway",
    "hubspot-simulator": "hubspot_simulator",
}
PUBLISHED = {"webhook-gateway", "hubspot-simulator"}
SECRET_NAME = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|INDEX_URL")
USER = "import os; print(os.stat('/proc/1').st_uid)"
CODE = "import os; print(*os.listdir('/app'))"
WRITABLE = "import os; print(*(d for d in ('/', '/app', '/opt/leadsync') if os.access(d, os.W_OK)))"
FIND_DATABASE = "import socket\ntry: print(socket.gethostbyname('mongo'))\nexcept OSError: print('unknown')"


def check_containers(project: Project, checklist: Checklist) -> None:
    """Check each container's user, its code, and what it may write."""
    checklist.scenario("Containers")
    for service, package in PACKAGES.items():
        user = _python(project, service, USER)
        _claim(checklist, f"{service} runs as user {user}, not as root", user not in {"", "0"})
        _claim(
            checklist, f"{service} holds its own code only", _python(project, service, CODE) == f"leadsync {package}"
        )
        _claim(checklist, f"{service} cannot write to its image", not _python(project, service, WRITABLE))


def check_reach(project: Project, checklist: Checklist) -> None:
    """Check which keys each container has, and which others it can reach."""
    checklist.scenario("Keys and networks")
    containers = project.containers()
    for key, owner in OWNERS.items():
        known = {service for service, one in containers.items() if key in _variables(one)}
        _claim(checklist, f"{key} is known to {owner} alone", known == {owner})
    published = {service: _published(one) for service, one in containers.items() if _published(one)}
    _claim(checklist, "only gateway and simulator publish a port", published.keys() == PUBLISHED)
    _claim(checklist, "they do so on loopback", all(where == {"127.0.0.1"} for where in published.values()))
    found = _python(project, "webhook-gateway", FIND_DATABASE)
    _claim(checklist, "the gateway cannot reach the database", found == "unknown")


def check_secrets(project: Project, checklist: Checklist) -> None:
    """Check that no image and no log contains a key."""
    checklist.scenario("Secrets")
    secrets = [project.environment[key] for key in OWNERS]
    if index := os.environ.get("PIP_INDEX_URL"):
        secrets.append(index)
    for service, one in project.containers().items():
        logged = project.run("docker", "logs", one["Id"])
        _claim(checklist, f"{service} logged no key", not _holds(logged, secrets))
        if service not in PACKAGES:
            continue
        described = project.run("docker", "image", "inspect", one["Image"])
        history = project.run("docker", "history", "--no-trunc", one["Image"])
        named = [name for name in _variables(json.loads(described)[0]) if SECRET_NAME.search(name)]
        clean = not named and not _holds(described + history, secrets)
        _claim(checklist, f"the image of {service} and its history hold no secret", clean)


def _claim(checklist: Checklist, claim: str, holds: bool) -> None:
    checklist.check(claim, lambda: holds)


def _holds(text: str, secrets: list[str]) -> bool:
    return any(secret in text for secret in secrets)


def _variables(described: dict[str, Any]) -> set[str]:
    """Return the names of the environment of a container or an image."""
    return {one.partition("=")[0] for one in described["Config"]["Env"]}


def _published(container: dict[str, Any]) -> set[str]:
    """Return the addresses of this machine at which a container can be reached."""
    ports = container["NetworkSettings"]["Ports"] or {}
    return {binding["HostIp"] for bindings in ports.values() for binding in bindings or []}


def _python(project: Project, service: str, code: str) -> str:
    """Run code in a service's container; return what it printed."""
    return project.run("docker", "exec", project.containers()[service]["Id"], "python", "-c", code).strip()
