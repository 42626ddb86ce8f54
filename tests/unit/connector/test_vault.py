"""Sealing credentials."""

import pytest
from crm_connector.domain.errors import PreconditionError
from crm_connector.domain.integration import Credential, CredentialKind
from crm_connector.vault import AesVault, WrongKeyError

OLD, NEW = "old-key-" * 4, "new-key-" * 4
CREDENTIAL = Credential.refresh_token("na1-refresh\nwith a line")


def test_what_is_sealed_opens_again() -> None:
    """A credential comes back whole, kind included."""
    vault = AesVault((OLD,))

    assert vault.open("int-1", vault.seal("int-1", CREDENTIAL)) == CREDENTIAL


def test_sealing_hides_and_never_repeats() -> None:
    """The secret is not in the sealed bytes, and the same secret seals differently each time."""
    vault = AesVault((OLD,))

    first, second = vault.seal("int-1", CREDENTIAL), vault.seal("int-1", CREDENTIAL)

    assert first != second
    assert b"refresh" not in first


def test_a_credential_opens_only_for_its_integration() -> None:
    """A sealed credential that was moved to another document is worthless there."""
    vault = AesVault((OLD,))

    with pytest.raises(PreconditionError) as caught:
        vault.open("int-2", vault.seal("int-1", CREDENTIAL))

    assert caught.value.reason == "credential_unreadable"


def test_keys_rotate() -> None:
    """A new first key seals, an old one still opens; once it is dropped, it does not."""
    old_sealed = AesVault((OLD,)).seal("int-1", CREDENTIAL)
    both = AesVault((NEW, OLD))

    assert both.open("int-1", old_sealed) == CREDENTIAL
    assert AesVault((NEW,)).open("int-1", both.seal("int-1", CREDENTIAL)) == CREDENTIAL
    with pytest.raises(PreconditionError):
        AesVault((NEW,)).open("int-1", old_sealed)


def test_the_key_of_what_is_sealed_is_known() -> None:
    """By its place, however often it is named; 0 if it is not there."""
    old_sealed = AesVault((OLD,)).seal("int-1", CREDENTIAL)

    vaults = [AesVault((NEW, OLD, OLD)), AesVault((OLD, OLD)), AesVault((NEW,))]

    assert [vault.key_number(old_sealed) for vault in vaults] == [2, 1, 0]
    assert [vault.key_count for vault in vaults] == [2, 1, 1]


def test_keys_that_open_nothing_are_refused() -> None:
    """Where there are credentials, one of the keys has to open one of them. Where there are none, any key will do."""
    stored = [AesVault((OLD,)).seal("int-1", CREDENTIAL), AesVault((NEW,)).seal("int-2", CREDENTIAL)]

    AesVault((NEW,)).check([])
    AesVault((NEW,)).check(stored)
    with pytest.raises(WrongKeyError, match="Restore the former key"):
        AesVault((NEW,)).check(stored[:1])


@pytest.mark.parametrize("broken", [b"", b"short", b"x" * 100])
def test_broken_bytes_do_not_open(broken: bytes) -> None:
    """Whatever is in the database instead of a sealed credential is refused in plain words."""
    with pytest.raises(PreconditionError, match="LEADSYNC_SECRET_KEY"):
        AesVault((OLD,)).open("int-1", broken)


def test_secrets_are_not_printed() -> None:
    """Neither a credential nor a token shows itself."""
    assert "refresh" not in repr(CREDENTIAL)


def test_whatever_a_kind_needs_is_sealed() -> None:
    """Several secrets, such as a private key and whom it signs for, come back by name."""
    secrets = {"client_id": "app", "username": "ann@example.com", "private_key": "-----BEGIN KEY-----\nx\n"}
    credential, vault = Credential(CredentialKind.JWT_BEARER, secrets), AesVault((OLD,))

    assert vault.open("int-1", vault.seal("int-1", credential)) == credential


@pytest.mark.parametrize("kind", [CredentialKind.ACCESS_TOKEN, CredentialKind.OAUTH])
def test_a_token_that_was_sealed_alone_opens(kind: CredentialKind) -> None:
    """Before there were kinds with several secrets, the text after the kind was the token itself."""
    vault = AesVault((OLD,))
    key = next(iter(vault._keys.values()))
    sealed = vault._sealing_id + b"n" * 12 + key.encrypt(b"n" * 12, f"{kind.value}\ntoken-1".encode(), b"int-1")

    assert set(vault.open("int-1", sealed).secrets.values()) == {"token-1"}
