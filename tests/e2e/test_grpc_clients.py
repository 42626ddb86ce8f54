"""The example clients of examples/grpc, as a service of the platform would run them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import certificates
import grpc
import pytest
from e2e.harness import Suite, eventually
from e2e.unreliable_relay import STREAM, unreliable_relay

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "grpc"
PYTHON = EXAMPLES / "python" / ".venv" / "bin" / "python"  # with what a user installs, once `make test-clients` made it
GO, NODE = EXAMPLES / "go" / "lead-client", EXAMPLES / "node"
BUILT = {"python": True, "go": GO.exists(), "node": (NODE / "node_modules").exists() and (NODE / "contracts").exists()}
COMMANDS = {
    "python": [str(PYTHON if PYTHON.exists() else sys.executable), str(EXAMPLES / "python" / "lead_client.py")],
    "go": [str(GO)],
    "node": ["node", str(NODE / "lead_client.js")],
}


LANGUAGES = [
    pytest.param(name, marks=pytest.mark.skipif(not built, reason=f"`make test-clients` has to build it: {name}"))
    for name, built in BUILT.items()
]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_example_client_works_although_calls_fail(
    suite: Suite, person: Callable[[str], str], tmp_path: Path, language: str, tls: bool
) -> None:
    """A client creates one lead, is told of a stale etag, misses no change, and the lead arrives in the CRM.

    The first call of each method fails, and so does the first watch in the middle: deadlines and retries are set. With
    TLS it shows the certificate of a service of the platform, and expects that of lead-store.
    """
    email, environment = person(language), _environment()
    folder = certificates.make(tmp_path / "tls", "lead-store", "platform") if tls else None
    if folder:
        environment |= certificates.variables(folder, "platform")
    store = f"127.0.0.1:{suite.background.environment['LEAD_STORE_PORT']}"
    with unreliable_relay(store, _credentials(folder) if folder else None) as (address, calls):
        command = [*COMMANDS[language], address, email]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)

    assert result.returncode == 0, result.stdout + result.stderr
    (lead,) = suite.leads(email)
    assert result.stdout.splitlines() == [
        f"created {lead['id']} once",
        f"read {email} pro",
        "changed Analyst",
        f"refused {'Aborted' if language == 'go' else 'ABORTED'} stale_etag",
        "listed 1 last page",
        f"watched {lead['id']}",
        f"resumed {lead['id']}",
    ]
    assert lead["jobTitle"] == "Countess"
    assert calls[STREAM] == 4  # refused, broken off, gone on, resumed after the pause
    assert calls["/leadsync.lead.v1.LeadService/CreateLead"] == 3
    contact = eventually(lambda: suite.contacts(email), 20, "the contact")[0]
    assert contact["properties"]["leadsync_lead_id"] == lead["id"]


def _credentials(folder: Path) -> grpc.ServerCredentials:
    """Return what lead-store shows, and whom it believes: callers with a certificate of this CA."""
    home = folder / "lead-store"
    pair = (home / "tls.key").read_bytes(), (home / "tls.crt").read_bytes()
    return grpc.ssl_server_credentials([pair], (home / "ca.crt").read_bytes(), require_client_auth=True)


def _environment() -> dict[str, str]:
    """Return what a client inherits: nothing that would lead it elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("LEADSYNC_", "TENANT"))}
