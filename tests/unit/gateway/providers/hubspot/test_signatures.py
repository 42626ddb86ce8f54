import json
from pathlib import Path
from typing import Any

import pytest
from webhook_gateway.problem import NotVerifiedError
from webhook_gateway.providers.hubspot.signatures import (
    MAX_AGE_MS,
    Secret,
    SignedRequest,
    decode_uri,
    parse_secrets,
    sign_v1,
    sign_v3,
    verify,
)

FIXTURES = Path(__file__).parents[4] / "fixtures"
_FILE = json.loads((FIXTURES / "hubspot-signature-vectors.json").read_text())
VECTORS: list[dict[str, Any]] = _FILE["vectors"]
NOW = 1_782_371_970_000
SECRET = Secret(b"first-secret")
URL = b"https://sync.example.com/api/v1/webhooks/hubspot"


def _of(version: str) -> list[Any]:
    return [pytest.param(vector, id=vector["id"]) for vector in VECTORS if vector["version"] == version]


def _request(vector: dict[str, Any]) -> SignedRequest:
    url = vector["signed_uri"] if vector["id"] == "neg-v3-fully-decoded" else vector["raw_request_uri"] or ""
    headers = [(name.lower().encode(), value.encode()) for name, value in vector["headers"].items()]
    return SignedRequest(vector["method"].encode(), url.encode(), headers, vector["body"].encode())


def _now(vector: dict[str, Any]) -> int:
    stamp = vector["timestamp_ms"]
    return int(stamp) + 1000 if stamp and stamp.isdecimal() else NOW


def _signed(**changes: Any) -> SignedRequest:
    stamp = str(changes.get("timestamp", NOW)).encode()
    body = changes.get("body", b"[]")
    signature = sign_v3(changes.get("secret", SECRET), b"POST", URL, body, stamp)
    headers = [(b"x-hubspot-signature-v3", signature), (b"x-hubspot-request-timestamp", stamp)]
    return SignedRequest(b"POST", URL, headers, body)


def _verified(
    request: SignedRequest, *secrets: Secret, now_ms: int = NOW, allow_v1: bool = False
) -> list[Secret] | str:
    """The secrets that a request was signed with, or the reason why there are none."""
    try:
        return verify(request, secrets or [SECRET], now_ms=now_ms, allow_v1=allow_v1)
    except NotVerifiedError as problem:
        return f"{problem.status} {problem.reason}"


@pytest.mark.parametrize("vector", _of("v3"))
def test_v3_vectors(vector: dict[str, Any]) -> None:
    """Every v3 vector made with HubSpot's own client is judged as it says."""
    secret = Secret(vector["client_secret"].encode())
    expected = [secret] if vector["expected_valid"] else "401 signature_invalid"
    assert _verified(_request(vector), secret, now_ms=_now(vector)) == expected


@pytest.mark.parametrize("vector", _of("v1"))
def test_v1_vectors(vector: dict[str, Any]) -> None:
    """Every v1 vector is valid where v1 is allowed, and counts for nothing where it is not."""
    secret = Secret(vector["client_secret"].encode())
    request = _request(vector)
    assert _verified(request, secret, allow_v1=True) == [secret]
    assert _verified(request, secret) == "401 signature_missing"


@pytest.mark.parametrize("vector", _of("v2"))
def test_v2_is_no_webhook_signature(vector: dict[str, Any]) -> None:
    """A v2 signature, which workflow actions and cards carry, never verifies a webhook."""
    secret = Secret(vector["client_secret"].encode())
    assert _verified(_request(vector), secret, allow_v1=True) == "401 signature_missing"


def test_the_decode_table_is_hubspots() -> None:
    """Exactly HubSpot's twelve escapes are decoded, once, and nothing else."""
    for escape, plain in _FILE["v3_decode_table"].items():
        assert decode_uri(escape.encode()) == plain.encode()
    every = "".join(f"%{code:02X}" for code in range(256))
    changed = sum(decode_uri(f"%{code:02X}".encode()) != f"%{code:02X}".encode() for code in range(256))
    assert changed == len(_FILE["v3_decode_table"]) == 12
    assert decode_uri(b"%253A") == b"%253A"
    assert len(decode_uri(every.encode())) == len(every) - 2 * 12


def test_a_signature_over_the_raw_query_counts_too() -> None:
    """Whether HubSpot signs an escaped query decoded or as sent, the request is verified."""
    url, stamp = URL + b"?a=%3A%2F", str(NOW).encode()
    for signed in (url, decode_uri(url)):
        signature = sign_v3(SECRET, b"POST", signed, b"[]", stamp)
        headers = [(b"x-hubspot-signature-v3", signature), (b"x-hubspot-request-timestamp", stamp)]
        assert _verified(SignedRequest(b"POST", url, headers, b"[]")) == [SECRET]


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        (MAX_AGE_MS, [SECRET]),
        (-MAX_AGE_MS, [SECRET]),
        (MAX_AGE_MS + 1, "401 signature_stale"),
        (-MAX_AGE_MS - 1, "401 signature_stale"),
    ],
)
def test_five_minutes_either_way(shift: int, expected: list[Secret] | str) -> None:
    """A request is good for exactly five minutes, and may be no more than that ahead of our clock."""
    assert _verified(_signed(), now_ms=NOW + shift) == expected


@pytest.mark.parametrize("stamp", [b"", b"-1", b"1e9", b" 1782371970000", b"\xd9\xa1", b"1" * 16])
def test_a_timestamp_is_digits(stamp: bytes) -> None:
    """A timestamp that is not plain digits is refused, however well it is signed."""
    signature = sign_v3(SECRET, b"POST", URL, b"[]", stamp)
    headers = [(b"x-hubspot-signature-v3", signature), (b"x-hubspot-request-timestamp", stamp)]
    assert _verified(SignedRequest(b"POST", URL, headers, b"[]")) == "401 signature_invalid"


def test_missing_parts() -> None:
    """No signature at all, or v3 without its timestamp, is a missing signature."""
    for headers in ([], [(b"x-hubspot-signature-v3", b"x")], [(b"x-hubspot-signature", b"x")]):
        request = SignedRequest(b"POST", URL, headers, b"[]")
        assert _verified(request, allow_v1=True) == "401 signature_missing"


def test_v1_never_replaces_a_wrong_v3() -> None:
    """A good v1 beside a bad v3 does not count, so that a request cannot be downgraded."""
    request = _signed(secret=Secret(b"other"))
    v1 = [(b"x-hubspot-signature", sign_v1(SECRET, b"[]")), (b"x-hubspot-signature-version", b"v1")]
    both = SignedRequest(b"POST", URL, [*request.headers, *v1], b"[]")
    assert _verified(both, allow_v1=True) == "401 signature_invalid"


def test_rotation() -> None:
    """While secrets are rotated each of them counts, and the answer says which one it was."""
    old, new = parse_secrets("1:old-secret, 2:new-secret")
    for secret in (old, new):
        assert _verified(_signed(secret=secret), old, new) == [secret]
    assert _verified(_signed(secret=Secret(b"x")), old, new) == "401 signature_invalid"


@pytest.mark.parametrize("signature", [b"", b"\xff\xfe", b"a" * 10_000])
def test_bytes_that_are_no_signature_are_only_invalid(signature: bytes) -> None:
    """Bytes that are no signature are refused without an error."""
    headers = [(b"x-hubspot-signature-v3", signature), (b"x-hubspot-request-timestamp", str(NOW).encode())]
    assert _verified(SignedRequest(b"POST", URL, headers, b"[]")) == "401 signature_invalid"


def test_secrets_are_read_and_never_shown() -> None:
    """Secrets come with or without an app id, and neither repr nor errors show them."""
    plain, bound = parse_secrets("plain-secret,42:bound-secret")
    assert (plain.app_id, bound.app_id, bound.value) == ("", "42", b"bound-secret")
    assert "secret" not in f"{plain}{bound}".replace("Secret", "")
    for text in ("a,,b", "app:secret-x", "same-x,1:same-x"):
        with pytest.raises(ValueError, match=r"entry|twice") as caught:
            parse_secrets(text)
        assert "-x" not in str(caught.value)
