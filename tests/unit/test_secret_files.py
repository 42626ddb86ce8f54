"""Secrets of the services that lie in files, as orchestrators mount them."""

import codecs
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import crm_connector.environment
import crm_connector.settings
import lead_store.settings
import pytest
import webhook_gateway.settings
from pymongo.uri_parser import parse_uri

KEY = "k" * 32
STORE = {"MONGO_URL": "mongodb://user@db", "MONGO_PASSWORD": "pass-word", "LEADSYNC_IDENTITY_KEY": KEY}
CONNECTOR = {
    "MONGO_URL": "mongodb://user@db",
    "MONGO_PASSWORD": "pass-word",
    "LEADSYNC_SECRET_KEY": KEY,
    "HUBSPOT_CLIENT_SECRET": "client-secret",
    "HUBSPOT_DEVELOPER_API_KEY": "developer-key",
}
GATEWAY = {"LEADSYNC_TOKEN_KEY": KEY, "HUBSPOT_CLIENT_SECRET": "client-secret"}
ALIAS = {"LEADSYNC_TOKEN_KEY": KEY, "HUBSPOT_WEBHOOK_SECRET": "client-secret"}

Read = Callable[[dict[str, str]], Any]
SERVICES: dict[str, tuple[Read, dict[str, str]]] = {
    "lead-store": (lead_store.settings.Settings.from_env, STORE),
    "crm-connector": (crm_connector.settings.Settings.from_env, CONNECTOR),
    "webhook-gateway": (webhook_gateway.settings.Settings.from_env, GATEWAY),
    "webhook-gateway, other name": (webhook_gateway.settings.Settings.from_env, ALIAS),
}
REFUSED = (
    lead_store.settings.SettingsError,
    crm_connector.environment.SettingsError,
    webhook_gateway.settings.SettingsError,
)
EACH = [(service, name) for service, (_, variables) in SERVICES.items() for name in variables]


def fault(service: str, variables: dict[str, str]) -> str:
    """Return what a service says when it refuses these variables."""
    with pytest.raises(REFUSED) as refused:
        SERVICES[service][0](variables)
    return str(refused.value)


def with_file(service: str, name: str, path: Path) -> dict[str, str]:
    """Return the variables of a service, one of them given as a file."""
    return {key: value for key, value in SERVICES[service][1].items() if key != name} | {f"{name}_FILE": str(path)}


@pytest.mark.parametrize(("service", "name"), EACH)
def test_a_secret_in_a_file_counts_as_one_in_a_variable(service: str, name: str, tmp_path: Path) -> None:
    """Each secret of each service may lie in a file; what editors put around it is no part of it."""
    read, variables = SERVICES[service]
    path = tmp_path / "secret"

    for before, after in ((b"", b"\n"), (b"", b"\r\n"), (codecs.BOM_UTF8, b"")):
        path.write_bytes(before + variables[name].encode() + after)
        assert read(with_file(service, name, path)) == read(variables)


@pytest.mark.parametrize(("service", "name"), EACH)
def test_a_secret_given_twice_is_refused(service: str, name: str, tmp_path: Path) -> None:
    """Nobody has to guess which of two values counts."""
    path = tmp_path / "secret"
    path.write_text(KEY)

    said = fault(service, SERVICES[service][1] | {f"{name}_FILE": str(path)})

    assert f"is given twice: remove {name} or {name}_FILE" in said
    assert KEY not in said


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b" \n", "it is empty"),
        (b"hidden" * 4_000, "it has more than 16,384 bytes"),
        (b"hidden\nhidden", "it has to be one line of text"),
        (b"hidden\xff", "it has to be one line of text"),
        (None, "No such file or directory"),
    ],
)
def test_an_unusable_file_is_refused_in_plain_words(
    service: str, content: bytes | None, reason: str, tmp_path: Path
) -> None:
    """The message says what is wrong with the file, and holds neither its content nor its path."""
    name = list(SERVICES[service][1])[-1]
    path = tmp_path / "hidden-path"
    if content is not None:
        path.write_bytes(content)

    said = fault(service, with_file(service, name, path))

    assert f"cannot be read from the file that {name}_FILE names: {reason}" in said
    assert "hidden" not in said


@pytest.mark.parametrize("service", SERVICES)
def test_a_folder_or_a_pipe_is_refused_at_once(service: str, tmp_path: Path) -> None:
    """Neither is read: a pipe would keep the start waiting."""
    name = list(SERVICES[service][1])[-1]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    assert all("it is not a file" in fault(service, with_file(service, name, path)) for path in (tmp_path, pipe))


@pytest.mark.parametrize("service", ["lead-store", "crm-connector"])
def test_the_password_of_mongodb_may_be_given_apart_from_its_address(service: str) -> None:
    """The address then holds no secret; any character may be in the password."""
    read, variables = SERVICES[service]
    url = "mongodb://user@a:1,b:2/?replicaSet=rs0&authSource=admin"

    found = read(variables | {"MONGO_URL": url, "MONGO_PASSWORD": "p@ss/w:rd %+"}).mongo_url

    assert found == "mongodb://user:p%40ss%2Fw%3Ard+%25%2B@a:1,b:2/?replicaSet=rs0&authSource=admin"
    assert parse_uri(found)["password"] == "p@ss/w:rd %+"


@pytest.mark.parametrize("service", ["lead-store", "crm-connector"])
@pytest.mark.parametrize("url", ["mongodb://db", "mongodb://user:other@db", ""])
def test_a_password_needs_a_user_without_one(service: str, url: str) -> None:
    """A password that no user has, or a second one, is refused."""
    said = fault(service, SERVICES[service][1] | {"MONGO_URL": url, "MONGO_PASSWORD": "hidden"})

    assert "needs a MONGO_URL that names a user without a password" in said
    assert "hidden" not in said
