"""Start docker-compose.yml, play the demo through its published port, check containers and images, take it down.

Exit codes: 0 all checks passed, 1 a check failed, 3 there is no Docker here. Containers, networks and volumes
are removed afterwards, also after a failure; images stay as a cache for the next build.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
from leadsync_cli.demo.checklist import Checklist
from leadsync_cli.keys import write_private
from leadsync_cli.suite.catalogue import SIMULATED
from leadsync_cli.waiting import wait_for

from tools.test_compose_checks import (
    PACKAGES,
    check_containers,
    check_database,
    check_encryption,
    check_reach,
    check_secrets,
)
from tools.test_compose_project import Project, StepFailedError, find_compose, new_project

NO_DOCKER = 3
SERVICES = [name for name in PACKAGES if name != "hubspot-simulator"]
# Time limits of the steps, in seconds.
BUILD, UP, HEALTHY, DEMO, DOWN = 1800.0, 600.0, 120.0, 240.0, 120.0
RESTARTS = 3  # with more, a container counts as broken


def main() -> int:
    """Run all checks; return the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    compose = find_compose()
    if not compose:
        sys.stderr.write("test-compose: no Docker with compose answers; start it, or set DOCKER_HOST\n")
        return NO_DOCKER
    try:
        with tempfile.TemporaryDirectory(prefix="leadsync-compose-") as folder, _up(compose, Path(folder)) as project:
            _play(project, Path(folder))
    except StepFailedError as error:
        sys.stderr.write(f"test-compose: {error}\n")
        return 1
    return 0


def _play(started: Project, folder: Path) -> None:
    """Check the running project. Raises StepFailedError if a check fails."""
    checklist = Checklist(quiet=False)
    project = _connect(started)
    _demo(project, folder, checklist)
    check_containers(project, checklist)
    check_reach(project, checklist)
    check_encryption(project, checklist)
    check_database(project, checklist)
    check_secrets(project, checklist)
    _revoke(project, checklist)
    _restart(project, checklist)
    checklist.summary()
    if not checklist.passed:
        raise StepFailedError("checks failed")


@contextmanager
def _up(compose: tuple[str, ...], folder: Path) -> Iterator[Project]:
    """Build and start a project, and take it down in any case; after a failure, show the logs of its containers."""
    project = new_project(compose, folder)
    try:
        _timed("images are built", lambda: project.control("build", seconds=BUILD))
        _timed("containers are started", lambda: project.control("up", "--detach", seconds=UP))
        _timed("containers are healthy", lambda: _wait_healthy(project))
        yield project
    except BaseException:
        _show_logs(project)
        raise
    finally:
        project.control("down", "--volumes", "--remove-orphans", "--timeout", "10", seconds=DOWN)


def _timed(what: str, step: Callable[[], object]) -> None:
    """Run a step of the start, and print its duration."""
    began = time.monotonic()
    step()
    sys.stdout.write(f"{what}: {time.monotonic() - began:.0f} s\n")
    sys.stdout.flush()


def _wait_healthy(project: Project) -> None:
    """Wait until every container is healthy. Raises StepFailedError if one does not become healthy."""

    def settled() -> bool:
        containers = project.containers()
        falling = [name for name, one in containers.items() if one["RestartCount"] > RESTARTS]
        if falling:
            raise StepFailedError(f"does not come up: {', '.join(falling)}")
        return bool(containers) and all(map(_healthy, containers.values()))

    if not wait_for(settled, HEALTHY)[0]:
        sick = [name for name, one in project.containers().items() if not _healthy(one)]
        raise StepFailedError(f"not healthy after {HEALTHY:g} s: {', '.join(sick)}")


def _healthy(container: dict[str, Any]) -> bool:
    return bool(container["State"].get("Health", {}).get("Status") == "healthy")


def _connect(project: Project) -> Project:
    """Connect the simulator's account through the gateway; return the project with an administrator's token."""
    token = project.leadsync("token", "--role", "admin")
    known = project.with_environment(LEADSYNC_TOKEN=token, LEADSYNC_CRM_SECRET=SIMULATED["HUBSPOT_ACCESS_TOKEN"])
    known.leadsync("integration", "create", "--app-id", SIMULATED["HUBSPOT_APP_ID"])
    known.leadsync("webhooks", "enable")
    return known


def _demo(project: Project, folder: Path, checklist: Checklist) -> None:
    """Play the demo, which reads lead-store's log from the place where `leadsync up` writes it."""
    (folder / "logs").mkdir()
    store = project.containers()["lead-store"]["Id"]
    with (folder / "logs" / "lead-store.log").open("w") as file:
        following = subprocess.Popen(  # noqa: S603 (docker)
            ("docker", "logs", "--follow", store),  # noqa: S607 (PATH is the caller's, like DOCKER_HOST)
            env=project.environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            output = project.leadsync("demo", seconds=DEMO)
        finally:
            following.terminate()
            following.wait()
    sys.stdout.write(f"{output}\n")
    here = f"Playing on the suite at http://127.0.0.1:{project.environment['GATEWAY_PORT']}"
    checklist.scenario("Demo")
    checklist.check("the demo passes, and was played on these containers", lambda: here in output)


def _revoke(project: Project, checklist: Checklist) -> None:
    """Revoke a token in the file that the gateway's container sees."""
    checklist.scenario("Revoked tokens")
    bearer = project.with_environment(LEADSYNC_TOKEN=project.leadsync("token", "--role", "viewer"))
    bearer.leadsync("leads", "list")
    token_id = jwt.decode(bearer.environment["LEADSYNC_TOKEN"], options={"verify_signature": False})["jti"]
    write_private(
        project.secrets / "revoked" / "tokens.json", json.dumps({"ids": [token_id]}), replace=True, mode=0o644
    )

    def refused() -> bool:
        try:
            bearer.leadsync("leads", "list")
        except StepFailedError:
            return True
        return False

    checklist.check("a token counts until it is in the list, and then no more", lambda: wait_for(refused, HEALTHY)[0])


def _restart(project: Project, checklist: Checklist) -> None:
    """Stop everything and start it again: services exit with 0, and the data is still there."""
    checklist.scenario("Restart")
    before = project.leadsync("leads", "list", "--json")
    project.control("stop", seconds=DOWN)
    codes = {name: project.containers()[name]["State"]["ExitCode"] for name in SERVICES}
    checklist.check("each service exits with 0 when it is stopped", lambda: set(codes.values()) == {0})
    project.control("start", seconds=UP)
    _wait_healthy(project)
    checklist.check("the leads are still there", lambda: project.leadsync("leads", "list", "--json") == before)


def _show_logs(project: Project) -> None:
    """Show the end of the logs of each unhealthy container; of all if all are healthy."""
    containers = project.containers()
    sick = {name: one for name, one in containers.items() if not _healthy(one)}
    for name, one in (sick or containers).items():
        state = one["State"]
        sys.stderr.write(f"\n--- {name}: {state['Status']}, exit code {state['ExitCode']}\n")
        sys.stderr.write(project.run("docker", "logs", "--tail", "60", one["Id"]))


if __name__ == "__main__":
    sys.exit(main())
