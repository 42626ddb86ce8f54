"""deploy/mongo/ready.js, run by Node.js on a MongoDB that is played: mongosh itself is not needed."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "deploy" / "mongo"
USERS = (FOLDER / "users.json").read_text(encoding="utf-8")
PASSWORDS = {
    "mongo-root-password": "root-pw\n",
    "mongo-lead-store-password": "store-pw\n",
    "mongo-crm-connector-password": "connector-pw\n",
}
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="Node.js is not installed; it runs the script in place of mongosh")
# What mongosh offers to a script, as far as this one uses it. Each call is noted.
PLAYED = """
const calls = [], {server, files, script} = JSON.parse(require("fs").readFileSync(0, "utf8"));
const refused = (code) => Object.assign(new Error("refused"), {code});
const signedIn = () => calls.some(([name]) => name === "auth") || !server.users.length;
const admin = {
  createUser(user) { if (!signedIn()) throw refused(13); calls.push(["createUser", user]); },
  updateUser(name, changes) { if (!signedIn()) throw refused(13); calls.push(["updateUser", name, changes]); },
  runCommand(command) { if (!signedIn()) throw refused(13); calls.push(["runCommand", command]); },
  getUser: (name) => server.users.includes(name) ? {user: name} : null,
  auth: (user, password) => calls.push(["auth", user, password]),
};
class Quit extends Error {}
let code = null;
const given = {
  db: {hello: () => server.hello, getSiblingDB: () => admin},
  rs: {initiate: (config) => calls.push(["initiate", config])},
  quit: (number) => { code = number; throw new Quit(); },
  require: () => ({
    existsSync: (path) => path in files,
    readFileSync: (path) => files[path],
    writeFileSync: (path, text) => calls.push(["write", path, text]),
    statSync: () => ({mtimeMs: 7.5}),
  }),
};
try { new Function(...Object.keys(given), script)(...Object.values(given)); }
catch (error) { if (!(error instanceof Quit)) code = error.message; }
console.log(JSON.stringify({code, calls}));
"""
DONE = "/tmp/certificate-in-use"
ROLES = {one["user"]: one["roles"] for one in json.loads(USERS)}


def check(hello: dict[str, bool], users: list[str], **more: str) -> tuple[Any, list[list[Any]]]:
    """Run the check on a server that says this and has these users: its exit code or error, and its calls."""
    files = {f"/run/secrets/{name}": text for name, text in (PASSWORDS | more).items()}
    files |= {"/leadsync/users.json": USERS} | {path: text for path, text in more.items() if path.startswith("/")}
    script = (FOLDER / "ready.js").read_text(encoding="utf-8")
    given = {"server": {"hello": hello, "users": users}, "files": files, "script": script}
    assert NODE
    done = subprocess.run(
        [NODE, "-e", PLAYED], input=json.dumps(given), capture_output=True, text=True, check=True, timeout=60
    )
    found = json.loads(done.stdout)
    return found["code"], found["calls"]


def test_a_new_server_becomes_a_replica_set_first() -> None:
    """It takes no writes yet, so it is not healthy, and users are made by a later check."""
    code, calls = check({"isreplicaset": True}, [])

    assert code == 1
    assert calls == [["initiate", {"_id": "rs0", "members": [{"_id": 0, "host": "mongo:27017"}]}]]


def test_without_users_root_is_made_first_and_makes_the_others() -> None:
    """Nobody can sign in yet; each user has the password of its file, and its own rights only."""
    code, calls = check({"isWritablePrimary": True}, [])

    assert code == 0
    assert calls == [
        ["createUser", {"user": "root", "pwd": "root-pw", "roles": ["root"]}],
        ["auth", "root", "root-pw"],
        ["createUser", {"user": "lead-store", "pwd": "store-pw", "roles": ROLES["lead-store"]}],
        ["createUser", {"user": "crm-connector", "pwd": "connector-pw", "roles": ROLES["crm-connector"]}],
        ["write", DONE, "7.5"],
    ]


def test_after_a_restart_passwords_are_those_of_the_files() -> None:
    """A changed file counts, and a user that is missing is made."""
    code, calls = check({"isWritablePrimary": True}, ["root", "lead-store"])

    assert code == 0
    assert [call[:2] for call in calls[:2]] == [["auth", "root"], ["updateUser", "lead-store"]]
    assert calls[1][2] == {"pwd": "store-pw", "roles": ROLES["lead-store"]}
    assert calls[2][1]["user"] == "crm-connector"


def test_later_checks_change_nothing() -> None:
    """Once the users are made, a check only asks whether the server takes writes."""
    assert check({"isWritablePrimary": True}, ["root"], **{DONE: "7.5"}) == (0, [])
    assert check({"isWritablePrimary": False}, ["root"], **{DONE: "7.5"}) == (1, [])


def test_a_renewed_certificate_counts_without_a_restart() -> None:
    """MongoDB is told to read it again, once; users are left alone."""
    code, calls = check({"isWritablePrimary": True}, ["root"], **{DONE: "6.5"})

    assert code == 0
    assert calls == [["auth", "root", "root-pw"], ["runCommand", {"rotateCertificates": 1}], ["write", DONE, "7.5"]]


def test_an_empty_password_is_no_password() -> None:
    """An unfinished secret file makes no user that anybody can be."""
    code, calls = check({"isWritablePrimary": True}, [], **{"mongo-root-password": "\n"})

    assert code == "the secret file mongo-root-password is empty"
    assert calls == []
