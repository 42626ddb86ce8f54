"""Sealing credentials."""

import pytest
from crm_connector.domain.errors import PreconditionError
from crm_connector.domain.integration import Credential, CredentialKind
from crm_connector.vault import AesVault

OLD, NEW = "old-key-" * 4, "new-key-" * 4
CREDENTIAL = Credential(CredentialKind.OAUTH, "na1-refresh\nwith a line")


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


@pytest.mark.parametrize("broken", [b"", b"short", b"x" * 100])
def test_broken_bytes_do_not_open(broken: bytes) -> None:
    """Whatever is in the database instead of a sealed credential is refused in plain words."""
    with pytest.raises(PreconditionError, match="LEADSYNC_SECRET_KEY"):
        AesVault((OLD,)).open("int-1", broken)


def test_secrets_are_not_printed() -> None:
    """Neither a credential nor a token shows itself."""
    assert "refresh" not in repr(CREDENTIAL)
