"""Seals credentials with AES-256-GCM, bound to the integration they belong to."""

import hashlib
import json
import secrets
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crm_connector.domain.errors import PreconditionError
from crm_connector.domain.integration import Credential, CredentialKind

_NONCE_BYTES, _KEY_ID_BYTES = 12, 8


class WrongKeyError(Exception):
    """None of the keys sealed any of the credentials that are stored."""

    def __init__(self) -> None:
        super().__init__(
            "crm-connector cannot start: no key in LEADSYNC_SECRET_KEY opens any credential of the database. "
            "Restore the former key (`leadsync up` keeps it in the file secret-key). If it is lost for good, "
            "LEADSYNC_ACCEPT_NEW_KEYS=1 starts all the same; each integration then needs a new token."
        )


class AesVault:
    """Seals with the first key and opens with any. Format: key id (8 bytes), nonce (12), ciphertext with tag."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        """`keys` are texts of high entropy (LEADSYNC_SECRET_KEY), the one to seal with first."""
        derived = [_derive(key) for key in keys]
        self._sealing_id = _key_id(derived[0])
        self._numbers = {_key_id(key): number for number, key in reversed(list(enumerate(derived, 1)))}
        self._keys = {_key_id(key): AESGCM(key) for key in derived}

    def seal(self, integration_id: str, credential: Credential) -> bytes:
        """Seal a credential for one integration."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        text = f"{credential.kind.value}\n{json.dumps(dict(credential.secrets))}".encode()
        sealed = self._keys[self._sealing_id].encrypt(nonce, text, integration_id.encode())
        return self._sealing_id + nonce + sealed

    @property
    def key_count(self) -> int:
        """How many different keys there are."""
        return len(self._keys)

    def key_number(self, sealed: bytes) -> int:
        """The place of the key that opens this, from 1; 0 if it is none of the keys."""
        return self._numbers.get(sealed[:_KEY_ID_BYTES], 0)

    def check(self, stored: Iterable[bytes]) -> None:
        """Raise WrongKeyError if there are stored credentials and these keys sealed none of them."""
        known = [sealed[:_KEY_ID_BYTES] in self._keys for sealed in stored]
        if known and not any(known):
            raise WrongKeyError

    def open(self, integration_id: str, sealed: bytes) -> Credential:
        """Open what was sealed for this integration.

        Raises:
            PreconditionError: `credential_unreadable`, if the key is gone or it was sealed for another integration.

        """
        key = self._keys.get(sealed[:_KEY_ID_BYTES])
        nonce, text = sealed[_KEY_ID_BYTES:][:_NONCE_BYTES], sealed[_KEY_ID_BYTES + _NONCE_BYTES :]
        if key is None:
            raise _unreadable()
        try:
            kind, _, found = key.decrypt(nonce, text, integration_id.encode()).decode().partition("\n")
        except InvalidTag:
            raise _unreadable() from None
        return Credential(CredentialKind(kind), _secrets(CredentialKind(kind), found))


def _secrets(kind: CredentialKind, text: str) -> dict[str, str]:
    """Read the secrets: a JSON object, or the single token that was sealed in its place before."""
    if text.startswith("{"):
        found: dict[str, str] = json.loads(text)
        return found
    return {"access_token" if kind is CredentialKind.ACCESS_TOKEN else "refresh_token": text}


def _unreadable() -> PreconditionError:
    message = "No key in LEADSYNC_SECRET_KEY opens the stored credential. Restore the key or set a new token."
    return PreconditionError("credential_unreadable", message)


def _derive(key: str) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"leadsync crm-connector credentials").derive(
        key.encode()
    )


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"key id" + key).digest()[:_KEY_ID_BYTES]
