"""How services start with TLS and without, as an operator sees it."""

import os
import subprocess
import sys
from pathlib import Path

import certificates
import pytest
from embedded_mongo import free_port
from integration.tls.conftest import Served

HEALTH = Path(__file__).resolve().parents[3] / "deploy" / "docker" / "health.py"
NOWHERE = "mongodb://127.0.0.1:1/"
NEEDED = {
    "lead_store": {"MONGO_URL": NOWHERE, "LEADSYNC_IDENTITY_KEY": "k" * 32},
    "crm_connector": {"MONGO_URL": NOWHERE, "LEADSYNC_SECRET_KEY": "k" * 32},
    "webhook_gateway": {"LEADSYNC_TOKEN_KEY": "k" * 32},
}
OPEN = {
    "lead_store": {"LEAD_STORE_HOST": "0.0.0.0"},
    "crm_connector": {"CRM_CONNECTOR_HOST": "0.0.0.0"},
    "webhook_gateway": {"LEAD_STORE_URL": "lead-store:50051"},
}
PORTS = ("LEAD_STORE_PORT", "CRM_CONNECTOR_PORT", "GATEWAY_PORT")


def environment(package: str) -> dict[str, str]:
    """What a service needs, on ports that are free."""
    ports = {name: str(free_port()) for name in PORTS}
    return {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"} | NEEDED[package] | ports


@pytest.mark.parametrize("package", NEEDED)
def test_files_that_cannot_be_used_are_refused_in_plain_words(package: str, tmp_path: Path) -> None:
    """A service with the certificate of another one ends with code 2, one line about it and no traceback."""
    given = certificates.variables(certificates.make(tmp_path, "platform"), "platform")
    command = [sys.executable, "-P", "-m", package]

    ended = subprocess.run(command, env=environment(package) | given, capture_output=True, text=True, check=False)

    name = package.replace("_", "-")
    told = f"LEADSYNC_TLS_CERT: is the certificate of platform, localhost; it needs the DNS name {name}"
    assert (ended.returncode, told in ended.stderr) == (2, True)
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("package", NEEDED)
def test_plaintext_beyond_this_machine_is_warned_of_in_one_line(package: str) -> None:
    """A service that others can reach, or that calls others, without TLS says so at its start."""
    command = [sys.executable, "-P", "-m", package]
    lines, env = list[str](), environment(package) | OPEN[package]

    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:  # until it ends
            lines.append(line)
            if "without TLS" in line:
                process.kill()

    assert len([line for line in lines if "without TLS" in line]) == 1


def test_a_health_check_uses_the_services_own_certificate(served: Served) -> None:
    """With the variables of the service it succeeds, and without them there is no connection."""

    def code(given: dict[str, str]) -> int:
        command = [sys.executable, str(HEALTH), f"grpc://127.0.0.1:{served.port}"]
        return subprocess.run(
            command, env={"PACKAGE": "lead_store"} | given, capture_output=True, check=False
        ).returncode

    assert code(certificates.variables(served.folder, "lead-store")) == 0
    assert code({}) == 1
    assert code(dict.fromkeys(certificates.FILES, "/no/such")) == 1
