"""The suite's own life: start, restart, stop, and what it refuses."""

import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

import httpx
import pytest
from e2e.harness import SERVICES, Suite, body_of, eventually, open_api

# An integration stays with the connector process that worked it for a minute, so a successor may wait that long.
ARRIVES_WITHIN = {"lead-store": 20.0, "crm-connector": 75.0, "webhook-gateway": 20.0}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("component", SERVICES)
def test_a_killed_service_comes_back(suite: Suite, person: Callable[[str], str], component: str) -> None:
    """After SIGKILL a service is started again, and what a person does next in HubSpot arrives."""
    for _ in range(2):  # a second restart is told apart from the first
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


def test_a_suite_goes_on_where_it_stopped(
    another_suite: Callable[..., AbstractContextManager[Suite]], person: Callable[[str], str]
) -> None:
    """A suite that is started again on its data directory has its leads, its keys and its one integration."""
    email = person("before")
    with another_suite() as first:
        body_of(first.api.post("/leads", json={"email": email}), 201)
        token, integration_id = first.token(), first.integration_id

    with another_suite() as second:
        assert [one["email"] for one in second.leads(email)] == [email]
        assert second.integration_id == integration_id
        with open_api(second.url, token) as api:
            assert len(body_of(api.get("/crm-integration"))["integrations"]) == 1


def test_secret_files_are_private(suite: Suite) -> None:
    """Every key and token of the data directory is readable by its owner alone."""
    names = ("secret-key", "token-key", "identity-key", "admin-token")

    modes = {name: stat.S_IMODE((suite.data_dir / name).stat().st_mode) for name in names}

    assert modes == dict.fromkeys(names, 0o600)
