"""A server that will never do is refused in plain words; one that is not ready yet is waited for."""

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from embedded_mongo import free_port
from lead_store.mongo.client import connect
from lead_store.mongo.server_check import check_server, refusal
from lead_store.mongo.wrong_server import WrongServerError
from mongo_faults import refused
from mongo_proxy import Fault, MongoProxy, proxied
from pymongo.errors import OperationFailure, PyMongoError

PASSWORD = "s3cret-passw0rd"


def says(**hello: Any) -> Fault:
    """A server that describes itself like this."""
    return Fault("hello", done=False, reply={"ok": 1.0, "maxWireVersion": 25, **hello})


def check(url: str) -> None:
    """What lead-store does before anything else."""
    with connect(url) as client:
        check_server(client, url)


@pytest.mark.parametrize(
    ("hello", "words"),
    [
        (says(), "a standalone MongoDB, and transactions need a replica set"),
        (says(setName="rs0", maxWireVersion=17), r"too old: MongoDB 7\.0 or later"),
    ],
)
def test_a_server_that_will_never_do_is_refused(proxy: MongoProxy, hello: Fault, words: str) -> None:
    """The words say what is wrong and what to do."""
    proxy.inject(hello, "hello", times=1_000)
    with pytest.raises(WrongServerError, match=words):
        check(proxy.url)


@pytest.mark.parametrize("hello", [says(setName="rs0"), says(msg="isdbgrid"), says(isreplicaset=True)])
def test_what_will_do_or_is_about_to_is_taken(proxy: MongoProxy, hello: Fault) -> None:
    """A member of a replica set, a router of shards, and a replica set that somebody is about to initiate."""
    proxy.inject(hello, "hello", times=1_000)
    check(proxy.url)


def test_another_replica_set_is_named(mongo_url: str) -> None:
    """The driver only says that it finds no member."""
    with pytest.raises(WrongServerError, match=r"replica set `secantus`.*replicaSet=secantus"):
        check(mongo_url.replace("directConnection=true", "replicaSet=rs0"))


@pytest.mark.parametrize(("code", "words"), [(13, "the role readWrite"), (85, "an index that differs")])
def test_missing_rights_are_said(code: int, words: str) -> None:
    """And an index of somebody else under the name of ours. Anything else is waited for."""
    assert words in str(refusal(OperationFailure("", code), "leadsync_lead_store"))
    assert refusal(OperationFailure("", 91), "leadsync_lead_store") is None


def test_a_server_that_is_away_is_waited_for() -> None:
    """It is an error of the driver, which the start repeats."""
    with pytest.raises(PyMongoError):
        check(f"mongodb://127.0.0.1:{free_port()}/?replicaSet=rs0")


@pytest.mark.parametrize(
    "url", [f"mongodb://user:{PASSWORD}/x@host", f"mongodb://user:{PASSWORD}@@host", "mongodb://host:port"]
)
def test_an_address_that_cannot_be_read_is_not_repeated(url: str) -> None:
    """The driver's own words hold a part of it, perhaps the password."""
    with pytest.raises(WrongServerError, match="is not an address of MongoDB") as refused:
        connect(url)
    assert PASSWORD not in str(refused.value)


def test_wrong_credentials_end_the_process_in_plain_words(proxy: MongoProxy) -> None:
    """Exit code 2, no traceback, no password."""
    proxy.inject(refused(18), "saslStart", times=1_000)
    given = {
        "MONGO_URL": proxy.url.replace("mongodb://", f"mongodb://lead-store:{PASSWORD}@"),
        "LEADSYNC_IDENTITY_KEY": "k" * 32,
        "LEAD_STORE_PORT": str(free_port()),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "lead_store"],
        env=os.environ | given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    told = ended.stderr + ended.stdout
    assert ended.returncode == 2, told
    assert "does not accept the user or the password of MONGO_URL" in told
    assert "Traceback" not in told
    assert PASSWORD not in told


def test_a_server_without_tls_is_refused_where_the_url_wants_it(mongo_url: str) -> None:
    """And a file of the URL that is not there is told at once."""
    with pytest.raises(WrongServerError, match="has tls=true, but the server speaks no TLS"):
        check(f"{mongo_url}&tls=true")
    with pytest.raises(WrongServerError, match="names a file that cannot be read"):
        check(f"{mongo_url}&tls=true&tlsCAFile=/nowhere/ca.pem")


def test_tls_is_asked_for_where_the_server_wants_it(mongo_url: str, tmp_path: Path) -> None:
    """With tls=true, a certificate that nobody trusts is the next thing to be told."""
    with tls_in_front(mongo_url, tmp_path) as port:
        with pytest.raises(WrongServerError, match=r"wants TLS\. Write tls=true"):
            check(f"mongodb://127.0.0.1:{port}/?directConnection=true")
        with pytest.raises(WrongServerError, match="certificate of MongoDB is not trusted"):
            check(f"mongodb://127.0.0.1:{port}/?directConnection=true&tls=true")
        check(f"mongodb://127.0.0.1:{port}/?directConnection=true&tls=true&tlsCAFile={tmp_path}/ca.pem")


@contextmanager
def tls_in_front(mongo_url: str, folder: Path) -> Iterator[int]:
    """A port that speaks TLS and leads to the server."""
    make_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    with proxied(mongo_url) as behind, socket.create_server(("127.0.0.1", 0)) as listening:
        target = int(behind.url.partition("127.0.0.1:")[2].partition("/")[0])
        ends: list[socket.socket] = []
        serving = threading.Thread(target=_accept, args=(listening, context, target, ends))
        serving.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        serving.join()
        for end in ends:
            end.close()


def _accept(listening: socket.socket, context: ssl.SSLContext, target: int, ends: list[socket.socket]) -> None:
    while True:
        try:
            plain, _ = listening.accept()
        except OSError:
            return
        try:
            near = context.wrap_socket(plain, server_side=True)
        except OSError:
            plain.close()
            continue
        far = socket.create_connection(("127.0.0.1", target))
        ends += [near, far]
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=_carry, args=(one, other), daemon=True).start()


def _carry(source: socket.socket, to: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            to.sendall(data)
        to.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def make_certificate(folder: Path) -> None:
    """A certificate of 127.0.0.1 that is its own CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mongodb")])
    now = datetime.now(UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.add_extension(here, critical=False).sign(key, hashes.SHA256())
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pkcs8, pem = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    (folder / "key.pem").write_bytes(key.private_bytes(pem, pkcs8, plain))
