"""HubSpot's request signatures, v3 and v1. Pure.

v3 is base64(HMAC-SHA256(secret, method + URI + body + timestamp)), where twelve escapes of the URI are decoded first;
v1 is hex(SHA-256(secret + body)) and says nothing about when (developers.hubspot.com, "Validating requests").
v2 belongs to workflow actions and cards, never to webhooks, so it is not accepted here.
"""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from webhook_gateway.problem import NotVerifiedError

MAX_AGE_MS = 5 * 60 * 1000  # HubSpot's limit against replays; it holds for times in the future too

V3_HEADER = b"x-hubspot-signature-v3"
V1_HEADER = b"x-hubspot-signature"
VERSION_HEADER = b"x-hubspot-signature-version"
TIMESTAMP_HEADER = b"x-hubspot-request-timestamp"
SIGNATURE_HEADERS = frozenset({V3_HEADER, V1_HEADER})
PROOF_HEADERS = SIGNATURE_HEADERS | {VERSION_HEADER, TIMESTAMP_HEADER}

# The only escapes that HubSpot decodes before it signs; all others stay as they are.
_ESCAPES = {
    b"%3A": b":",
    b"%2F": b"/",
    b"%3F": b"?",
    b"%40": b"@",
    b"%21": b"!",
    b"%24": b"$",
    b"%27": b"'",
    b"%28": b"(",
    b"%29": b")",
    b"%2A": b"*",
    b"%2C": b",",
    b"%3B": b";",
}
_ESCAPE = re.compile(rb"%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)")
_TIMESTAMP_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Secret:
    """One client secret; with `app_id` it speaks only for events of that app."""

    value: bytes = field(repr=False)
    app_id: str = ""


@dataclass(slots=True)  # not frozen: one is made for each request
class SignedRequest:
    """What a signature is made over: the public URL with the query as received, and the body byte for byte."""

    method: bytes
    url: bytes
    headers: Iterable[tuple[bytes, bytes]] = field(repr=False)
    body: bytes = field(repr=False)


def decode_uri(uri: bytes) -> bytes:
    """Decode, once, the twelve escapes that HubSpot decodes before signing."""
    return _ESCAPE.sub(lambda match: _ESCAPES[match[0]], uri)


def parse_secrets(text: str) -> tuple[Secret, ...]:
    """Read a comma-separated list of `secret` or `appId:secret`. Raises ValueError, without the secret in it."""
    secrets: list[Secret] = []
    for position, item in enumerate(text.split(","), start=1):
        app_id, colon, value = item.strip().rpartition(":")
        if not value:
            raise ValueError(f"entry {position} is empty")
        if colon and not app_id.isdecimal():
            raise ValueError(f"entry {position} has an app id that is not a number")
        secrets.append(Secret(value.encode(), app_id))
    if len({secret.value for secret in secrets}) != len(secrets):
        raise ValueError("the same secret is given twice")
    return tuple(secrets)


def verify(request: SignedRequest, secrets: Sequence[Secret], *, now_ms: int, allow_v1: bool) -> list[Secret]:
    """Find the secrets that a request was signed with, comparing with each in constant time.

    v1 counts only where v3 is absent. Raises NotVerifiedError if there is none.
    """
    found = dict(request.headers)
    v3 = found.get(V3_HEADER)
    if v3 is not None:
        return _verify_v3(request, v3, found.get(TIMESTAMP_HEADER), secrets, now_ms)
    v1 = found.get(V1_HEADER)
    if v1 is None or not allow_v1 or found.get(VERSION_HEADER) != b"v1":
        raise _missing()
    return _at_least_one([secret for secret in secrets if hmac.compare_digest(sign_v1(secret, request.body), v1)])


def _verify_v3(
    request: SignedRequest, signature: bytes, timestamp: bytes | None, secrets: Sequence[Secret], now_ms: int
) -> list[Secret]:
    if timestamp is None:
        raise _missing()
    if not timestamp.isdigit() or len(timestamp) > _TIMESTAMP_DIGITS:
        raise _wrong()
    if abs(now_ms - int(timestamp)) > MAX_AGE_MS:
        raise NotVerifiedError("signature_stale", "the request was signed more than five minutes away from now")
    urls: Iterable[bytes] = (request.url,)
    if b"%" in request.url:
        # No recorded signature over an escaped query is public, so both readings are tried; each needs the secret.
        urls = dict.fromkeys((decode_uri(request.url), request.url))
    return _at_least_one(
        [
            secret
            for secret in secrets
            for url in urls
            if hmac.compare_digest(sign_v3(secret, request.method, url, request.body, timestamp), signature)
        ]
    )


def _at_least_one(matching: list[Secret]) -> list[Secret]:
    if not matching:
        raise _wrong()
    return matching


def _missing() -> NotVerifiedError:
    return NotVerifiedError("signature_missing", "the request carries no signature that is accepted here")


def _wrong() -> NotVerifiedError:
    return NotVerifiedError("signature_invalid", "the signature does not fit the request")


def sign_v3(secret: Secret, method: bytes, url: bytes, body: bytes, timestamp: bytes) -> bytes:
    """Make a v3 signature over a URL whose escapes are already as they shall be signed."""
    return b64encode(hmac.digest(secret.value, b"".join((method, url, body, timestamp)), "sha256"))


def sign_v1(secret: Secret, body: bytes) -> bytes:
    """Make a v1 signature."""
    digest = hashlib.sha256(secret.value)
    digest.update(body)
    return digest.hexdigest().encode()
