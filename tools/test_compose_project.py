"""A separate compose project: new keys, free ports, none of the caller's settings."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leadsync_cli.suite.ports import free_ports

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 60.0  # for a command that builds nothing
STAND_IN = "secantusdb:local"  # replaces mongo:8 if this machine has it
STOOD_IN = f"""{STAND_IN} stands in for MongoDB, with the same users and rights.
NOT TRIED, for it has none of these: a replica set's key, deploy/mongo/ready.js in mongosh, the user of MongoDB's image
"""
# What Docker gets of the caller's environment; a test must not depend on settings that somebody has.
KEPT = ("PATH", "HOME", "DOCKER_", "COMPOSE_DOCKER_CLI_BUILD", "PYTHON_IMAGE", "MONGO_IMAGE", "PIP_INDEX_URL")


class StepFailedError(Exception):
    """A step failed, so the later ones cannot run."""


@dataclass(frozen=True, slots=True)
class Project:
    """A compose project, its folder of secrets, and the environment that every command about it gets."""

    name: str
    compose: tuple[str, ...]
    secrets: Path
    environment: Mapping[str, str]

    def run(self, *command: str, seconds: float = SECONDS, show: bool = False) -> str:
        """Run a program; return its output, or show it. Raises StepFailedError if it fails or takes too long."""
        try:
            done = subprocess.run(  # noqa: S603 (docker, or our own command line)
                command,
                cwd=ROOT,
                env=self.environment,
                timeout=seconds,
                stdin=subprocess.DEVNULL,
                stdout=None if show else subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise StepFailedError(f"`{' '.join(command)}` took more than {seconds:g} s") from error
        if done.returncode:
            raise StepFailedError(f"`{' '.join(command)}` ended with {done.returncode}\n{done.stdout or ''}")
        return done.stdout or ""

    def control(self, *arguments: str, seconds: float = SECONDS, show: bool = False) -> str:
        """Run a compose command on the project."""
        return self.run(*self.compose, *arguments, seconds=seconds, show=show)

    def leadsync(self, *arguments: str, seconds: float = SECONDS) -> str:
        """Run our command line, as a person would."""
        return self.run(sys.executable, "-m", "leadsync_cli", *arguments, seconds=seconds).strip()

    def containers(self) -> dict[str, Any]:
        """Return Docker's description of each container, by the service's name."""
        label = f"label=com.docker.compose.project={self.name}"
        ids = self.run("docker", "ps", "--all", "--quiet", "--filter", label).split()
        found = json.loads(self.run("docker", "inspect", *ids)) if ids else []
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}

    def with_environment(self, **more: str) -> "Project":
        """Return the same project with more variables."""
        return replace(self, environment={**self.environment, **more})

    def secret(self, name: str) -> str:
        """Return the content of a secret file."""
        return (self.secrets / name).read_text(encoding="utf-8").strip()


def find_compose() -> tuple[str, ...]:
    """Return the compose command, of version 2 or 1.29; nothing if no engine answers."""
    if not _works("docker", "info"):
        return ()
    candidates = (("docker", "compose"), ("docker-compose",))
    return next((one for one in candidates if _works(*one, "version")), ())


def _works(*command: str) -> bool:
    if not shutil.which(command[0]):
        return False
    tried = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603 (docker)
    return tried.returncode == 0


def new_project(compose: tuple[str, ...], folder: Path) -> Project:
    """Make a project with its state in the folder; start nothing yet."""
    gateway, simulator = free_ports(2)
    name = f"leadsync-test-{os.getpid()}"
    secrets = folder / "secrets"
    settings = {
        "LEADSYNC_SECRETS": str(secrets),
        "GATEWAY_PORT": str(gateway),
        "SIMULATOR_PORT": str(simulator),
        "LEADSYNC_TAG": "test",
        "LEADSYNC_DATA_DIR": str(folder),
    }
    files = ["--file", "docker-compose.yml"]
    if _works("docker", "image", "inspect", STAND_IN):
        sys.stdout.write(STOOD_IN)
        files += ["--file", "deploy/compose.test.yml"]
    options = ("--project-name", name, "--env-file", "deploy/dev.env", *files, "--profile", "dev")
    kept = {variable: value for variable, value in os.environ.items() if variable.startswith(KEPT)}
    project = Project(name, (*compose, *options), secrets, kept | settings)
    project.leadsync("secrets", "--folder", str(secrets))
    project.leadsync("certs", "--folder", str(secrets / "tls"), "--for-containers")
    return project.with_environment(LEADSYNC_TOKEN_KEY=project.secret("token-key"))
