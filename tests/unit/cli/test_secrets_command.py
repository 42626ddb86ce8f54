"""`leadsync secrets`: what it makes, keeps and refuses."""

import json
import os
from pathlib import Path

import pytest
from leadsync_cli.__main__ import main
from leadsync_cli.errors import Exit

KEYS = {"secret-key", "token-key", "identity-key"}
PASSWORDS = {"mongo-root-password", "mongo-lead-store-password", "mongo-crm-connector-password"}
BY_PEOPLE = {"hubspot-client-secret", "hubspot-webhook-secret", "hubspot-developer-key", "oidc-client-secret"}


def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, str]]:
    """Run the command; return its exit code, and each file's state."""
    with pytest.raises(SystemExit) as ended:
        main(["secrets", "--folder", str(folder), "--json"])
    printed = capsys.readouterr().out
    files = json.loads(printed)["files"] if printed else []
    return int(ended.value.code or 0), {row["file"]: row["state"] for row in files}


def test_it_makes_a_closed_folder_of_files_that_containers_can_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each key differs from the others and is long enough; a strict umask changes nothing."""
    folder = tmp_path / "secrets"
    before = os.umask(0o077)
    try:
        code, states = run(folder, capsys)
    finally:
        os.umask(before)

    assert code == 0
    assert states == dict.fromkeys(KEYS | PASSWORDS | {"revoked/tokens.json"}, "made") | dict.fromkeys(
        BY_PEOPLE, "empty"
    )
    made = {(folder / name).read_text().strip() for name in KEYS | PASSWORDS}
    assert len(made) == len(KEYS | PASSWORDS)
    assert all(len(value) >= 32 for value in made)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {(folder / name).stat().st_mode & 0o777 for name in states} == {0o644}
    assert (folder / "revoked").stat().st_mode & 0o777 == 0o755


def test_it_never_changes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second run makes only what is missing."""
    folder = tmp_path / "secrets"
    run(folder, capsys)
    (folder / "hubspot-client-secret").write_text("mine\n")
    (folder / "token-key").unlink()
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    _, states = run(folder, capsys)

    assert states["hubspot-client-secret"] == "kept"
    assert [name for name, state in states.items() if state == "made"] == ["token-key"]
    assert {name: (folder / name).read_bytes() for name in before} == before


def test_keys_of_the_environment_are_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment whose keys were variables keeps them."""
    monkeypatch.setenv("LEADSYNC_SECRET_KEY", "from-before")

    run(tmp_path / "secrets", capsys)

    assert (tmp_path / "secrets" / "secret-key").read_text() == "from-before\n"


def test_an_open_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its files can be read by every user, so nobody else may enter the folder."""
    tmp_path.chmod(0o755)

    code, _ = run(tmp_path, capsys)

    assert code == Exit.USAGE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("identity-key", "", "is empty"),
        ("secret-key", "cut\n", "has been cut off"),
        ("token-key", "k" * 32 + ",short", "has been cut off"),
        ("mongo-root-password", "\n", "is empty"),
        ("revoked/tokens.json", "", "is empty"),
    ],
)
def test_what_leadsync_made_and_was_lost_is_neither_replaced_nor_yours_to_fill_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, said: str
) -> None:
    """A database may need the key that the file held. The command says what to do, and makes nothing."""
    folder = tmp_path / "secrets"
    run(folder, capsys)
    (folder / name).write_text(content)
    (folder / "mongo-lead-store-password").unlink()
    with pytest.raises(SystemExit) as ended:
        main(["secrets", "--folder", str(folder)])
    told = capsys.readouterr()

    assert ended.value.code == Exit.USAGE
    assert f"{folder / name} {said}" in told.err
    assert "Restore it from a backup" in told.err
    assert "fill in" not in told.out + told.err
    assert (folder / name).read_text() == content
    assert not (folder / "mongo-lead-store-password").exists()
