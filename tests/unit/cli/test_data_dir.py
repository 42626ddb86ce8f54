"""The data directory: keys, lock, tokens."""

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from leadsync_cli.errors import CommandError, ConfigurationError
from leadsync_cli.gateway.client import connect
from leadsync_cli.keys import (
    KEY_FILES,
    LOST_WITHOUT,
    ensure_key,
    make_private_dir,
    read_private,
    suite_keys,
    write_private,
)
from leadsync_cli.settings import Settings
from leadsync_cli.suite.events import Reporter, as_text
from leadsync_cli.suite.lock import locked
from leadsync_cli.suite.up import run_suite
from leadsync_cli.tokens import Role, local_token_key, make_token


def mode(path: Path) -> int:
    """Return the permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_key_files_are_private(tmp_path: Path) -> None:
    """Key files have mode 0600 and lie in a directory of mode 0700, whatever the umask says."""
    old = os.umask(0)
    try:
        folder = make_private_dir(tmp_path / "data")
        ensure_key(folder / "token-key")
    finally:
        os.umask(old)

    assert (mode(folder), mode(folder / "token-key")) == (0o700, 0o600)
    assert [path.name for path in folder.iterdir()] == ["token-key"]


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """An existing key is used again; two directories never share one."""
    first = ensure_key(tmp_path / "one")

    assert ensure_key(tmp_path / "one") == first
    assert ensure_key(tmp_path / "two") != first
    assert len(first) >= 32


def test_a_key_file_that_others_could_read_becomes_private(tmp_path: Path) -> None:
    """A key file with loose permissions gets mode 0600 before it is used."""
    path = tmp_path / "token-key"
    path.write_text("a-key-that-was-restored-from-a-backup\n")
    path.chmod(0o644)

    assert ensure_key(path) == "a-key-that-was-restored-from-a-backup"
    assert mode(path) == 0o600


def test_an_empty_key_file_is_never_used(tmp_path: Path) -> None:
    """An empty key file is an error, since a new key in its place would make encrypted data unreadable."""
    (tmp_path / "secret-key").touch(0o600)

    with pytest.raises(CommandError, match="is empty"):
        ensure_key(tmp_path / "secret-key")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\xff\xfe\x00binary" * 8, "holds no text of one line"),
        (b"one line of a long key file\nand another one", "holds no text of one line"),
        (b"k" * 31, "has been cut off"),
        (b"k" * 40 + b"," + b"o" * 10, "has been cut off"),
    ],
)
def test_a_damaged_key_file_is_refused_and_kept(tmp_path: Path, content: bytes, what: str) -> None:
    """The error says in plain words what is wrong with the file, which stays as it is."""
    path = tmp_path / "secret-key"
    path.write_bytes(content)

    with pytest.raises(CommandError, match=what) as refused:
        ensure_key(path)

    assert (refused.value.reason, path.read_bytes()) == ("damaged_key_file", content)


@pytest.mark.parametrize("missing", KEY_FILES)
def test_no_new_key_is_made_beside_a_database(tmp_path: Path, missing: str) -> None:
    """A key file that is gone is missed, with what that means; only when asked for, another one is made."""
    first = suite_keys(tmp_path, {}, has_data=False, accept_new=False)
    (tmp_path / KEY_FILES[missing]).unlink()

    with pytest.raises(CommandError, match=LOST_WITHOUT[missing]) as refused:
        suite_keys(tmp_path, {}, has_data=True, accept_new=False)
    assert (refused.value.reason, (tmp_path / KEY_FILES[missing]).exists()) == ("key_missing", False)
    given = suite_keys(tmp_path, {missing: "given"}, has_data=True, accept_new=False)
    assert given == first | {missing: "given"}
    accepted = suite_keys(tmp_path, {}, has_data=True, accept_new=True)
    assert {name for name in first if accepted[name] != first[name]} == {missing}


def test_private_files_are_replaced_completely(tmp_path: Path) -> None:
    """Replacing a file keeps it private and leaves no temporary file; without `replace` it stays unchanged."""
    path = tmp_path / "admin-token"
    write_private(path, "old", replace=False)
    write_private(path, "new", replace=True)
    with pytest.raises(FileExistsError):
        write_private(path, "third", replace=False)

    assert (read_private(path), mode(path), len(list(tmp_path.iterdir()))) == ("new", 0o600, 1)


def test_a_second_suite_on_the_same_directory_names_the_first(tmp_path: Path) -> None:
    """The error names the process that holds the lock; afterwards the lock is free."""
    program = (
        "import sys; from pathlib import Path; from leadsync_cli.suite.lock import locked\n"
        f"with locked(Path({str(tmp_path)!r})): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        other.stdout.readline()
        with pytest.raises(CommandError, match=f"Process {other.pid} runs a suite"), locked(tmp_path):
            pass
        other.kill()

    with locked(tmp_path):
        assert (tmp_path / "lock").read_text().strip() == str(os.getpid())


def test_a_token_has_tenant_role_and_expiry() -> None:
    """A token is HS256 with audience, tenant, role, subject and expiry, signed with the first of several keys."""
    keys = "k" * 40 + "," + "o" * 40

    token = make_token(keys, tenant="acme", role=Role.OPERATOR, subject="ada", lifetime=timedelta(days=2))

    claims = jwt.decode(token, "k" * 40, algorithms=["HS256"], audience="leadsync")
    assert (claims["tenant"], claims["role"], claims["sub"]) == ("acme", "operator", "ada")
    assert datetime.fromtimestamp(claims["exp"], UTC) - datetime.now(UTC) > timedelta(days=1, hours=23)


def test_without_a_key_there_is_no_token(tmp_path: Path) -> None:
    """`leadsync token` never makes a key; it says what to do."""
    settings = Settings.from_env({"LEADSYNC_DATA_DIR": str(tmp_path)})

    with pytest.raises(CommandError, match="start the suite once"):
        local_token_key(settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["a file", "below a file", "a read-only folder"])
def test_a_data_directory_that_cannot_be_used_is_told(tmp_path: Path, where: str) -> None:
    """No traceback: the error names the folder, what the system says, and the variable that chooses another one."""
    (tmp_path / "file").touch()
    # Nobody may make anything in /proc/self, not even root, for whom other folders are never read-only.
    folder = {"a file": tmp_path / "file", "below a file": tmp_path / "file" / "data"}.get(where, Path("/proc/self"))
    settings = Settings.from_env({"LEADSYNC_DATA_DIR": str(folder)})

    with pytest.raises(CommandError, match="LEADSYNC_DATA_DIR chooses another one") as refused:
        run_suite(settings, Reporter(as_text))

    assert refused.value.reason == "data_dir_unusable"
    assert str(folder) in refused.value.detail


def test_a_home_that_nobody_has_is_told() -> None:
    """Along with everything else that is wrong with the configuration."""
    with pytest.raises(ConfigurationError, match="LEADSYNC_DATA_DIR must be a folder"):
        Settings.from_env({"LEADSYNC_DATA_DIR": "~nobody-has-this-name/data"})


def test_a_token_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A folder in its place, say."""
    (tmp_path / "admin-token").mkdir()
    settings = Settings.from_env({"LEADSYNC_DATA_DIR": str(tmp_path)})

    with pytest.raises(CommandError, match=r"admin-token cannot be read: Is a directory\."):
        connect(settings)
