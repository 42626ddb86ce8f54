"""The files of TLS: what is refused at start, and how a renewal is noticed."""

import codecs
import os
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import certificates
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from lead_store.tls import DAY, LOOK_SECONDS, MOST_BYTES, VARIABLES, Renewed, TlsFiles, needed, read_tls
from leadsync_cli.certs.authority import Pair
from structlog.testing import capture_logs

ROOT = Path(__file__).resolve().parents[2]
COPIES = ["crm-connector/src/crm_connector", "webhook-gateway/src/webhook_gateway"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Certificates of two services."""
    return certificates.make(tmp_path / "tls", "lead-store", "crm-connector")


def faults_of(**given: Any) -> list[str]:
    """What is wrong with these files of lead-store."""
    faults: list[str] = []
    read_tls({f"LEADSYNC_TLS_{name}": str(path) for name, path in given.items()}, "lead-store", faults)
    return faults


@pytest.mark.parametrize("copy", COPIES)
def test_the_services_have_the_same_file(copy: str) -> None:
    """tls.py is the same in all three, so that a fault is mended in all of them."""
    original = ROOT / "services/lead-store/src/lead_store/tls.py"

    assert (ROOT / "services" / copy / "tls.py").read_bytes() == original.read_bytes()


def test_without_variables_there_is_no_tls() -> None:
    """Neither a file nor a fault."""
    faults: list[str] = []

    assert read_tls(dict.fromkeys(VARIABLES, " "), "lead-store", faults) is None
    assert faults == []


def test_good_files_are_taken(folder: Path) -> None:
    """The files of `leadsync certs` have no fault, and certificate and key may share a file."""
    home = folder / "lead-store"

    assert faults_of(CERT=home / "tls.crt", KEY=home / "tls.key", CA=home / "ca.crt") == []
    assert faults_of(CERT=home / "tls.pem", KEY=home / "tls.pem", CA=home / "ca.crt") == []


def test_each_fault_is_told_in_plain_words(folder: Path, tmp_path: Path) -> None:
    """A file that is missing, unreadable, damaged, of another service, CA or key, or with a passphrase."""
    home, other = folder / "lead-store", folder / "crm-connector"
    crt, key, ca = home / "tls.crt", home / "tls.key", home / "ca.crt"
    strange = certificates.make(tmp_path / "strange", "lead-store") / "lead-store" / "ca.crt"
    locked, pair = tmp_path / "locked.key", Pair.of_pem(crt.read_bytes(), key.read_bytes())
    form, phrase = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    locked.write_bytes(pair.key.private_bytes(serialization.Encoding.PEM, form, phrase))
    (tmp_path / "text").write_text("nothing", encoding="ascii")

    assert faults_of(CERT=crt, CA=ca) == [
        "LEADSYNC_TLS_KEY: is missing; set all three LEADSYNC_TLS_ variables, or none"
    ]
    assert faults_of(CERT=crt, KEY="/no/such", CA=ca) == [
        "LEADSYNC_TLS_KEY: /no/such cannot be read: No such file or directory"
    ]
    assert faults_of(CERT=crt, KEY=other / "tls.key", CA=ca) == [
        "LEADSYNC_TLS_KEY: is not the key of LEADSYNC_TLS_CERT"
    ]
    assert faults_of(CERT=other / "tls.crt", KEY=other / "tls.key", CA=ca) == [
        "LEADSYNC_TLS_CERT: is the certificate of crm-connector, localhost; it needs the DNS name lead-store"
    ]
    for wrong in (tmp_path / "text", locked):
        assert faults_of(CERT=crt, KEY=wrong, CA=ca) == [
            "LEADSYNC_TLS_CERT, LEADSYNC_TLS_KEY: hold no certificate with its key (PEM, without a passphrase)"
        ]
    assert faults_of(CERT=crt, KEY=key, CA=tmp_path / "text") == [
        f"LEADSYNC_TLS_CA: {tmp_path / 'text'} holds no certificate (PEM)"
    ]
    assert faults_of(CERT=crt, KEY=key, CA=strange)[0].startswith(
        "LEADSYNC_TLS_CERT: is not accepted by LEADSYNC_TLS_CA"
    )
    certificates.make_ended(folder, "lead-store")
    assert faults_of(CERT=crt, KEY=key, CA=ca) == ["LEADSYNC_TLS_CERT: has ended: renew it"]


def test_a_pipe_or_a_huge_file_is_refused_at_once(folder: Path, tmp_path: Path) -> None:
    """Neither is read whole: the one would keep the process waiting, the other would fill its memory."""
    home, pipe = folder / "lead-store", tmp_path / "pipe"
    os.mkfifo(pipe)
    huge = tmp_path / "huge"
    huge.write_bytes(b"#" * (MOST_BYTES + 1))
    good = {"CERT": home / "tls.crt", "KEY": home / "tls.key", "CA": home / "ca.crt"}

    for name in good:
        assert faults_of(**good | {name: pipe}) == [f"LEADSYNC_TLS_{name}: {pipe} is not a file"]
        assert faults_of(**good | {name: huge}) == [f"LEADSYNC_TLS_{name}: {huge} has more than 1,000,000 bytes"]


def test_marks_and_comments_around_a_certificate_do_no_harm(folder: Path) -> None:
    """GRPC gets the files without the mark that some editors begin a file with; comments may have any letters."""
    files = [folder / "lead-store" / name for name in ("tls.crt", "tls.key", "ca.crt")]
    for path in files:
        path.write_bytes(codecs.BOM_UTF8 + "# Müller\n".encode() + path.read_bytes())

    identity = TlsFiles("lead-store", *files).read()

    for content in (identity.certificate, identity.key, identity.ca):
        assert content.startswith(b"#")


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("Ed25519", ed25519.Ed25519PrivateKey.generate()),
        ("Ed448", ed448.Ed448PrivateKey.generate()),
        ("P-521", ec.generate_private_key(ec.SECP521R1())),
        ("", ec.generate_private_key(ec.SECP384R1())),
        ("", rsa.generate_private_key(65537, 2048)),
    ],
)
def test_a_key_that_grpc_does_not_take_is_refused_at_the_start(
    folder: Path, tmp_path: Path, kind: str, key: Any
) -> None:
    """The service would start, and every connection to it would fail; a CA may have such a key."""
    for signer in (None, ed25519.Ed25519PrivateKey.generate()):
        home = certificates.with_key(tmp_path / "own", folder, "lead-store", key, signer)
        faults = faults_of(CERT=home / "tls.crt", KEY=home / "tls.key", CA=home / "ca.crt")
        said = f"LEADSYNC_TLS_KEY: gRPC takes no {kind} key; use ECDSA with P-256 or P-384, or RSA"
        assert faults == ([said] if kind else [])


def test_a_renewal_is_noticed_and_half_of_one_is_not_used(folder: Path) -> None:
    """New files count once both fit together; until then the last good ones do, which is told once."""
    home, now = folder / "lead-store", [0.0]
    renewed = Renewed(TlsFiles("lead-store", home / "tls.crt", home / "tls.key", home / "ca.crt"), lambda: now[0])
    first, key = renewed.identity(), (home / "tls.key").read_bytes()

    def looks() -> Iterator[bool]:
        while True:
            now[0] += LOOK_SECONDS
            yield renewed.identity() is first

    kept = looks()
    assert next(kept)
    certificates.make(folder, "lead-store", force=True)
    new_key = (home / "tls.key").read_bytes()
    (home / "tls.key").write_bytes(key)
    with capture_logs() as lines:
        assert next(kept)
        assert next(kept)
    assert [line["fault"] for line in lines] == ["LEADSYNC_TLS_KEY: is not the key of LEADSYNC_TLS_CERT"]
    (home / "ca.crt").rename(folder / "away")
    assert next(kept)
    (folder / "away").rename(home / "ca.crt")
    (home / "tls.key").write_bytes(new_key)
    assert not next(kept)
    assert renewed.identity().certificate == (home / "tls.crt").read_bytes()


def test_the_end_of_a_certificate_is_told_once_a_day(folder: Path) -> None:
    """Nothing is said until two weeks before it, then one line for each day, and nothing after a renewal."""
    home, now = folder / "lead-store", [0.0]
    files = TlsFiles("lead-store", home / "tls.crt", home / "tls.key", home / "ca.crt")
    start, looks = time.time(), count(step=LOOK_SECONDS)
    renewed = Renewed(files, looks.__next__, lambda: start + now[0] * DAY)

    def told(day: float) -> list[int]:
        now[0] = day
        with capture_logs() as lines:
            for _ in range(3):
                renewed.identity()
        return [line["days_left"] for line in lines if "days_left" in line]

    assert [told(day) for day in (1, 75.5, 76.5, 76.9, 77.5, 95)] == [[], [], [13], [], [12], [0]]
    certificates.make(folder, "lead-store", force=True)
    assert [told(day) for day in (50, 60)] == [[], []]


def test_who_needs_tls() -> None:
    """An address that only this machine can reach does not; any other does, and so does a name."""
    assert [host for host in ("127.0.0.1", "localhost", "::1", "[::1]", "127.1.2.3") if needed(host)] == []
    assert all(map(needed, ["0.0.0.0", "::", "10.0.0.7", "lead-store", ""]))
