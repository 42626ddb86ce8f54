"""The suite's own life: start, restart, stop, and what it refuses."""

import stat
import subprocess
import sys
from collections.abc import Callable

import httpx
import pytest
from e2e.harness import SERVICES, Suite, eventually

# An integration stays with its connector process for a lease, so a successor may wait that long.
ARRIVES_WITHIN = {"lead-store": 20.0, "crm-connector": 75.0, "webhook-gateway": 20.0}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("component", SERVICES)
def test_a_killed_service_comes_back(suite: Suite, person: Callable[[str], str], component: str) -> None:
    """After SIGKILL a service is started again, and what a person does next in HubSpot arrives."""
    for _ in range(2):  # the second restart has to be noticed too
        old = suite.kill(component)
        new = suite.wait_restarted(component, old)
        assert new == suite.pid(component) != old
    eventually(lambda: httpx.get(f"{suite.url}/readyz", trust_env=False).is_success, 20, "the gateway to be ready")
    email = person(f"after-{component}")
    suite.hubspot.create_contact({"email": email, "firstname": "After", "lastname": "Restart"})

    eventually(lambda: suite.leads(email), ARRIVES_WITHIN[component], "the lead")


def test_a_second_suite_in_the_same_directory_is_refused(suite: Suite) -> None:
    """`leadsync up` on a data directory in use ends at once and names the process that uses it."""
    command = [sys.executable, "-P", "-m", "leadsync_cli", "up"]

    result = subprocess.run(
        command, env=suite.background.environment, capture_output=True, text=True, check=False, timeout=30
    )

    holder = (suite.data_dir / "lock").read_text().strip()
    assert result.returncode == 1
    assert f"already_running: Process {holder} runs a suite" in result.stderr


def test_secret_files_are_private(suite: Suite) -> None:
    """Every key and token of the data directory is readable by its owner alone."""
    names = ("secret-key", "token-key", "identity-key", "admin-token")

    modes = {name: stat.S_IMODE((suite.data_dir / name).stat().st_mode) for name in names}

    assert modes == dict.fromkeys(names, 0o600)
