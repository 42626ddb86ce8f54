"""Start the stand-in for MongoDB with the users of deploy/mongo/users.json; runs in its container, alone.

It has no exception for callers on the same machine, so it starts once without access control to get its users.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from pymongo import MongoClient

COMMAND = ("secantusd-py", "--storage-path", "/data/db", "--sync-on-commit")
SECRETS = Path("/run/secrets")
FIRST_PORT = 27018  # nobody else looks there


def main() -> None:
    """Make the users, then become the server."""
    first = subprocess.Popen((*COMMAND, "--host", "127.0.0.1", "--port", str(FIRST_PORT)))  # noqa: S603 (constants)
    try:
        make_users(FIRST_PORT)
    finally:
        first.terminate()
        first.wait()
    os.execvp(COMMAND[0], (*COMMAND, "--host", "0.0.0.0", "--port", "27017", "--auth", *sys.argv[1:]))  # noqa: S104, S606 (a container)


def make_users(port: int) -> None:
    """Make or change root and the users of the services, as deploy/mongo/ready.js does on MongoDB."""
    users = json.loads(Path("/leadsync/users.json").read_text(encoding="utf-8"))
    users.append({"user": "root", "secret": "mongo-root-password", "roles": ["root"]})
    with MongoClient[dict[str, object]](f"mongodb://127.0.0.1:{port}/?directConnection=true") as client:
        for one in users:
            known = client.admin.command("usersInfo", one["user"])["users"]
            password = (SECRETS / one["secret"]).read_text(encoding="utf-8").strip()
            command = "updateUser" if known else "createUser"
            client.admin.command(command, one["user"], pwd=password, roles=one["roles"])


if __name__ == "__main__":
    main()
