"""`leadsync certs`: what it makes, keeps, renews and refuses."""

import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from leadsync_cli.__main__ import main
from leadsync_cli.certs.authority import Pair, names_of
from leadsync_cli.certs.folder import Entry, Wanted, ensure_certificates
from leadsync_cli.errors import CommandError, Exit

NOW = datetime.now(UTC)
STORE = Wanted(["lead-store"])


def states(entries: list[Entry]) -> dict[str, str]:
    """State by file."""
    return {entry.file: entry.state for entry in entries}


def leaf(folder: Path, service: str = "lead-store") -> Pair:
    """The leaf of a service."""
    return Pair.of_pem((folder / service / "tls.crt").read_bytes(), (folder / service / "tls.key").read_bytes())


def test_each_service_gets_a_folder_with_its_leaf_its_key_and_the_ca(tmp_path: Path) -> None:
    """The leaf is signed by the CA for the service's name and loopback, and MongoDB's file holds both."""
    made = ensure_certificates(tmp_path, Wanted(["lead-store", "mongo"], hosts=["db.internal", "10.0.0.7"]), NOW)

    assert states(made) == {"ca.crt": "made", "lead-store/tls.crt": "made", "mongo/tls.crt": "made"}
    assert names_of(leaf(tmp_path)) == ["lead-store", "localhost", "127.0.0.1", "::1", "db.internal", "10.0.0.7"]
    for service in ("lead-store", "mongo"):
        context = ssl.create_default_context(cafile=str(tmp_path / service / "ca.crt"))
        context.load_cert_chain(tmp_path / service / "tls.pem")
    assert sorted(path.name for path in (tmp_path / "mongo").iterdir()) == ["ca.crt", "tls.crt", "tls.key", "tls.pem"]


def test_keys_are_their_owners_alone_and_containers_are_let_in_by_request(tmp_path: Path) -> None:
    """Keys have mode 0600; for containers those of services get 0644 inside a folder that nobody else can enter."""
    folder, keys = tmp_path / "tls", ["ca.key", "lead-store/tls.key", "lead-store/tls.pem", "lead-store", "."]

    def modes(*, containers: bool) -> list[int]:
        ensure_certificates(folder, Wanted(["lead-store"], containers=containers), NOW)
        return [(folder / key).stat().st_mode & 0o777 for key in keys]

    assert modes(containers=False) == [0o600, 0o600, 0o600, 0o700, 0o700]
    assert modes(containers=True) == [0o600, 0o644, 0o644, 0o755, 0o700]
    assert modes(containers=False) == [0o600, 0o600, 0o600, 0o700, 0o700]
    folder.chmod(0o755)
    with pytest.raises(CommandError, match="Other users can enter"):
        modes(containers=True)


def test_a_second_run_keeps_everything_and_renews_leaves_near_their_end(tmp_path: Path) -> None:
    """The CA is never touched, a leaf is renewed in the last third of its time, and all of them with force."""
    ensure_certificates(tmp_path, STORE, NOW)
    ca, first = (tmp_path / "ca.crt").read_bytes(), leaf(tmp_path)

    assert states(ensure_certificates(tmp_path, STORE, NOW + timedelta(days=59))) == {
        "ca.crt": "kept", "lead-store/tls.crt": "kept"
    }  # fmt: skip
    assert leaf(tmp_path).certificate == first.certificate
    renewed = ensure_certificates(tmp_path, STORE, NOW + timedelta(days=61))
    assert states(renewed)["lead-store/tls.crt"] == "renewed"
    assert leaf(tmp_path).ends - first.ends >= timedelta(days=60)
    forced = ensure_certificates(tmp_path, Wanted(["lead-store"], force=True), NOW + timedelta(days=61))
    assert states(forced) == {"ca.crt": "kept", "lead-store/tls.crt": "renewed"}
    assert (tmp_path / "ca.crt").read_bytes() == ca


def test_a_renewed_leaf_keeps_its_names_and_gets_new_ones(tmp_path: Path) -> None:
    """A name that was asked for once stays; another one that is asked for renews the leaf."""
    ensure_certificates(tmp_path, Wanted(["lead-store"], hosts=["a.internal"]), NOW)

    assert states(ensure_certificates(tmp_path, STORE, NOW))["lead-store/tls.crt"] == "kept"
    more = ensure_certificates(tmp_path, Wanted(["lead-store"], hosts=["b.internal"]), NOW)
    assert states(more)["lead-store/tls.crt"] == "renewed"
    assert {"a.internal", "b.internal"} <= set(names_of(leaf(tmp_path)))


def test_leaves_of_an_earlier_run_are_renewed_without_being_named_again(tmp_path: Path) -> None:
    """A cron job names no services of the platform; theirs would end unseen. Other folders are left alone."""
    ensure_certificates(tmp_path, Wanted(["lead-store"], internal=["billing"]), NOW)
    (tmp_path / "notes").mkdir()

    assert states(ensure_certificates(tmp_path, STORE, NOW + timedelta(days=61))) == {
        "ca.crt": "kept", "lead-store/tls.crt": "renewed", "billing/tls.crt": "renewed"
    }  # fmt: skip
    assert {"billing", "platform"} <= set(names_of(leaf(tmp_path, "billing")))
    assert list((tmp_path / "notes").iterdir()) == []


@pytest.mark.parametrize("damage", ["tls.key", "tls.crt", "ca"])
def test_a_leaf_that_cannot_be_used_is_made_again(tmp_path: Path, damage: str) -> None:
    """A lost key, a damaged certificate or another CA: the leaf is new, and signed by the present CA."""
    ensure_certificates(tmp_path, STORE, NOW)
    if damage == "tls.key":
        (tmp_path / "lead-store" / "tls.key").unlink()
    elif damage == "tls.crt":
        (tmp_path / "lead-store" / "tls.crt").write_text("-----BEGIN CERTIFICATE-----\nx", encoding="ascii")
    else:
        (tmp_path / "ca.crt").unlink()
        (tmp_path / "ca.key").unlink()

    assert states(ensure_certificates(tmp_path, STORE, NOW))["lead-store/tls.crt"] != "kept"
    leaf(tmp_path).certificate.verify_directly_issued_by(
        Pair.of_pem((tmp_path / "ca.crt").read_bytes(), (tmp_path / "ca.key").read_bytes()).certificate
    )


@pytest.mark.parametrize(("file", "content"), [("ca.key", None), ("ca.crt", None), ("ca.key", "x"), ("ca.crt", "x")])
def test_a_damaged_ca_is_not_replaced(tmp_path: Path, file: str, content: str | None) -> None:
    """It is refused in plain words, because a new CA would shut out every service that trusts the old one."""
    ensure_certificates(tmp_path, STORE, NOW)
    (tmp_path / file).unlink()
    if content:
        (tmp_path / file).write_text(content, encoding="ascii")

    with pytest.raises(CommandError, match=r"(?s)(is missing|cannot be read).*Restore it, or remove ca.crt and ca.key"):
        ensure_certificates(tmp_path, STORE, NOW)


def test_a_leaf_never_outlives_its_ca_and_a_ca_past_its_end_is_refused(tmp_path: Path) -> None:
    """Near the CA's end leaves end with it, and after it nothing is signed."""
    (ca, _) = ensure_certificates(tmp_path, STORE, NOW)

    (_, last) = ensure_certificates(tmp_path, STORE, ca.ends - timedelta(days=1))
    assert last.ends == ca.ends
    with pytest.raises(CommandError, match="The CA ended at"):
        ensure_certificates(tmp_path, STORE, ca.ends)


def test_the_command_says_what_it_made_within_80_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It shows each file with its state and end, and which variables name them."""
    main_ends(["certs", "--folder", str(tmp_path / "tls"), "--service", "billing"])

    lines = capsys.readouterr().out.splitlines()
    rows = [line.split()[:2] for line in lines if "tls.crt  " in line]
    assert rows == [[f"{name}/tls.crt", "made"] for name in SERVICES_AND_BILLING]
    assert any(line.split() == ["LEADSYNC_TLS_CERT", "<service>/tls.crt"] for line in lines)
    assert max(len(line) for line in lines[1:]) <= 80  # the first one names the folder
    assert {"billing", "platform"} <= set(names_of(leaf(tmp_path / "tls", "billing")))


def test_json_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json, one object names the folder and each certificate with its state and end."""
    main_ends(["certs", "--folder", str(tmp_path), "--json"])

    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert answer["folder"] == str(tmp_path)
    assert answer["certificates"][0]["file"] == "ca.crt"
    assert {item["state"] for item in answer["certificates"]} == {"made"}


@pytest.mark.parametrize("option", ["--service", "--host"])
def test_no_other_certificate_gets_the_name_of_a_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    """The name in a certificate gives rights: neither a further service nor a host may have that of crm-connector."""
    assert main_ends(["certs", "--folder", str(tmp_path / "x"), option, "crm-connector"]) == Exit.USAGE
    assert "crm-connector is the name of a service" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_wrong_names_and_folders_are_refused_in_plain_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All wrong names are told together, and nothing is made; so is a folder that is none."""
    code = main_ends(["certs", "--folder", str(tmp_path / "x"), "--service", "../up", "--host", "a b", "--host", "::2"])
    told = capsys.readouterr().err
    assert (code, (tmp_path / "x").exists()) == (Exit.USAGE, False)
    assert "--service '../up' must be" in told
    assert "--host 'a b' must be" in told
    assert "::2" not in told

    (tmp_path / "file").write_text("", encoding="ascii")
    assert main_ends(["certs", "--folder", str(tmp_path / "file")]) == Exit.USAGE
    assert "--folder chooses another folder" in capsys.readouterr().err


SERVICES_AND_BILLING = ("lead-store", "crm-connector", "webhook-gateway", "platform", "mongo", "billing")


def main_ends(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)
