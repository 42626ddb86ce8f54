"""TLS towards MongoDB: the CA of the services counts where the URL wants TLS."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import certificates
import crm_connector.mongo.client
import lead_store.mongo.client
import pytest
from embedded_mongo import START_SECONDS, EmbeddedMongo
from pymongo import MongoClient
from pymongo.errors import ServerSelectionTimeoutError

Connect = Callable[[str, Path | None], MongoClient[dict[str, Any]]]
CLIENTS = [lead_store.mongo.client.connect, crm_connector.mongo.client.connect]
CA = Path("/ca.crt")


@contextmanager
def mongo_with_tls(home: Path, *more: str) -> Iterator[str]:
    """Run an embedded server with the certificate of `mongo`; gives its URL once it listens."""
    server = EmbeddedMongo("--tls-cert-file", str(home / "tls.crt"), "--tls-key-file", str(home / "tls.key"), *more)
    try:
        wait_for(server.url)
        yield f"{server.url}&tls=true"
    finally:
        server.stop()


def wait_for(url: str) -> None:
    """Wait until somebody listens there."""
    port, deadline = int(url.split("/")[2].rpartition(":")[2]), time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=START_SECONDS).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def answers(connect: Connect, url: str, ca: Path | None) -> bool:
    """Whether a ping is answered; a server that cannot be talked to is never selected."""
    with connect(url, ca) as client:
        try:
            client.admin.command("ping")
        except ServerSelectionTimeoutError:
            return False
        return True


def test_mongodb_is_believed_if_the_services_ca_has_signed_it(tmp_path: Path) -> None:
    """With this CA both services connect; without one, or with another CA, they do not, and neither in plaintext."""
    folder = certificates.make(tmp_path / "tls", "mongo")
    other = certificates.make(tmp_path / "other", "mongo") / "ca.crt"
    with mongo_with_tls(folder / "mongo") as url:
        for connect in CLIENTS:
            assert answers(connect, url, folder / "ca.crt")
        assert answers(CLIENTS[0], f"{url}&tlsCAFile={folder / 'ca.crt'}", other)  # what the URL names comes first
        assert not answers(CLIENTS[0], url, None)
        assert not answers(CLIENTS[0], url, other)
        assert not answers(CLIENTS[0], url.replace("&tls=true", ""), folder / "ca.crt")


def test_a_client_certificate_is_named_in_the_url(tmp_path: Path) -> None:
    """MongoDB that wants one gets the file of certificate and key that `leadsync certs` makes for each service."""
    folder = certificates.make(tmp_path, "mongo", "lead-store")
    ca, wants = folder / "ca.crt", ("--tls-ca-file", str(folder / "ca.crt"), "--tls-require-client-cert")
    with mongo_with_tls(folder / "mongo", *wants) as url:
        assert answers(CLIENTS[0], f"{url}&tlsCertificateKeyFile={folder / 'lead-store' / 'tls.pem'}", ca)
        assert not answers(CLIENTS[0], url, ca)


@pytest.mark.parametrize("options", [lead_store.mongo.client.tls_options, crm_connector.mongo.client.tls_options])
def test_the_url_decides(options: Callable[[str, Path | None], dict[str, Any]]) -> None:
    """Without tls=true in it nothing is changed, and a CA in it is kept."""
    assert options("mongodb://a,b/?replicaSet=rs0&tls=true", CA) == {"tlsCAFile": str(CA)}
    assert options("mongodb://user:p@a/?SSL=true", CA) == {"tlsCAFile": str(CA)}
    for url in ("mongodb://a", "mongodb://a/?tls=false", "mongodb+srv://a/?w=1", "mongodb://a/?tls=true&tlsCAFile=x"):
        assert options(url, CA) == {}
    assert options("mongodb://a/?tls=true", None) == {}
