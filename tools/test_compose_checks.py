"""Checks of the containers and images of a running project."""

import json
import os
import re
from typing import Any

from leadsync_cli.demo.checklist import Checklist

from tools.test_compose_project import Project

# Our services, each with its own package; beside it an image contains only the contracts.
PACKAGES = {
    "lead-store": "lead_store",
    "crm-connector": "crm_connector",
    "webhook-gateway": "webhook_gateway",
    "hubspot-simulator": "hubspot_simulator",
}
# Each secret file, and who may see it. Those of HubSpot are empty here: the simulator's secrets are published.
OWNERS = {
    "identity-key": {"lead-store"},
    "secret-key": {"crm-connector"},
    "token-key": {"webhook-gateway"},
    "mongo-root-password": {"mongo"},
    "mongo-lead-store-password": {"mongo", "lead-store"},
    "mongo-crm-connector-password": {"mongo", "crm-connector"},
}
DATABASES = {"lead-store": "leadsync_lead_store", "crm-connector": "leadsync_crm_connector"}
PUBLISHED = {"webhook-gateway", "hubspot-simulator"}
SECRET_NAME = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|INDEX_URL")
USER = "import os; print(os.stat('/proc/1').st_uid)"
CODE = "import os; print(*os.listdir('/app'))"
WRITABLE = "import os; print(*(d for d in ('/', '/app', '/opt/leadsync') if os.access(d, os.W_OK)))"
FIND = "import socket\ntry: print(socket.gethostbyname({name!r}))\nexcept OSError: print('unknown')"
# Tries to read and to write; 13 is MongoDB's number for "not authorized".
USE_DATABASE = """
import os
from pymongo.errors import OperationFailure
from {package}.mongo.client import connect
from {package}.settings import Settings
settings = Settings.from_env(os.environ)
url = settings.mongo_url if {signed_in} else "mongodb://mongo:27017/?directConnection=true&tls=true"
tried = connect(url, settings.tls.ca)[{database!r}]["tried"]
for step in (tried.find_one, lambda: tried.insert_one({{}}), tried.drop):
    try: step(); print("may", end=" ")
    except OperationFailure as error: print(error.code, end=" ")
"""
# Each tries to speak without TLS, as anybody on the network could.
PLAIN_DATABASE = """
from pymongo import MongoClient
from pymongo.errors import ConnectionFailure
client = MongoClient("mongodb://mongo:27017/?directConnection=true", serverSelectionTimeoutMS=3000)
try: print(client.admin.command("hello")["ok"])
except ConnectionFailure: print("refused")
"""
PLAIN_CALL = """
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
stub = health_pb2_grpc.HealthStub(grpc.insecure_channel({address!r}))
try: print(stub.Check(health_pb2.HealthCheckRequest(), timeout=5, wait_for_ready=True).status)
except grpc.RpcError: print("refused")
"""


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
    for service, one in project.containers().items():
        host = one["HostConfig"]
        limits = host["CapDrop"], host["CapAdd"], host["ReadonlyRootfs"], host["SecurityOpt"], host["PidsLimit"] > 0
        bound = (["ALL"], None, True, ["no-new-privileges:true"], True)
        _claim(checklist, f"{service} has no capability and gets no privilege", limits == bound)


def check_reach(project: Project, checklist: Checklist) -> None:
    """Check which keys each container has, and which others it can reach."""
    checklist.scenario("Keys and networks")
    containers = project.containers()
    for secret, owners in OWNERS.items():
        seen = {service for service, one in containers.items() if f"/run/secrets/{secret}" in _mounted(one)}
        _claim(checklist, f"{secret} is seen by {' and '.join(sorted(owners))} alone", seen == owners)
    values = [project.secret(secret) for secret in OWNERS]
    told = [service for service, one in containers.items() if _holds(str(one["Config"]["Env"]), values)]
    _claim(checklist, "no variable of a container holds a key or a password", not told)
    published = {service: _published(one) for service, one in containers.items() if _published(one)}
    _claim(checklist, "only gateway and simulator publish a port", published.keys() == PUBLISHED)
    _claim(checklist, "they do so on loopback", all(where == {"127.0.0.1"} for where in published.values()))
    for service, other in (
        ("webhook-gateway", "mongo"),
        ("hubspot-simulator", "mongo"),
        ("lead-store", "hubspot-simulator"),
    ):
        found = _python(project, service, FIND.format(name=other))
        _claim(checklist, f"{service} cannot reach {other}", found == "unknown")


def check_encryption(project: Project, checklist: Checklist) -> None:
    """Check that neither the services nor the database answer anybody without TLS."""
    checklist.scenario("Encryption")
    for caller, address in (("lead-store", "crm-connector:50052"), ("crm-connector", "lead-store:50051")):
        found = _python(project, caller, PLAIN_CALL.format(address=address))
        _claim(checklist, f"{address} answers nobody without a certificate", found == "refused")
    found = _python(project, "lead-store", PLAIN_DATABASE)
    _claim(checklist, "the database answers nobody without TLS", found == "refused")


def check_database(project: Project, checklist: Checklist) -> None:
    """Check that each service may use its own database only, and nobody any without a password."""
    checklist.scenario("Database")

    def use(service: str, database: str, *, signed_in: bool = True) -> str:
        code = USE_DATABASE.format(package=PACKAGES[service], database=database, signed_in=signed_in)
        return _python(project, service, code)

    for service, own in DATABASES.items():
        _claim(checklist, f"{service} may use its own database", use(service, own) == "may may may")
        for other in {*DATABASES.values(), "admin", "local"} - {own}:
            _claim(checklist, f"{service} may not use the database {other}", use(service, other) == "13 13 13")
        found = use(service, own, signed_in=False)
        _claim(checklist, f"{service} may use nothing without its password", found == "13 13 13")


def check_secrets(project: Project, checklist: Checklist) -> None:
    """Check that no image and no log contains a key."""
    checklist.scenario("Secrets")
    secrets = [project.secret(name) for name in OWNERS]
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


def _mounted(container: dict[str, Any]) -> set[str]:
    """Return the paths in a container at which something of this machine can be seen."""
    return {mount["Destination"] for mount in container["Mounts"]}


def _published(container: dict[str, Any]) -> set[str]:
    """Return the addresses of this machine at which a container can be reached."""
    ports = container["NetworkSettings"]["Ports"] or {}
    return {binding["HostIp"] for bindings in ports.values() for binding in bindings or []}


def _python(project: Project, service: str, code: str) -> str:
    """Run code in a service's container; return what it printed."""
    return project.run("docker", "exec", project.containers()[service]["Id"], "python", "-c", code).strip()
