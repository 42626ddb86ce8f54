"""Webhook requests that come to the gateway: their bodies, their signatures, and the bearers of the API beside them."""

import json
import re
from contextlib import suppress
from hashlib import sha256
from hmac import digest

from jwt.utils import base64url_encode
from webhook_gateway.http.auth import AUDIENCE, Tokens
from webhook_gateway.problem import NotVerifiedError, Problem
from webhook_gateway.providers.base import WebhookRequest
from webhook_gateway.providers.hubspot.body import MAX_EVENTS
from webhook_gateway.providers.hubspot.event import MOST_MERGED
from webhook_gateway.providers.hubspot.provider import HubSpot
from webhook_gateway.providers.hubspot.signatures import Secret, decode_uri, sign_v3
from webhook_gateway.revocations import Revocations

from fuzz.target import PAYLOADS, Target, lines

NOW = 1_782_371_969_536  # milliseconds
SECRET = Secret(b"client-secret")
API_URL = b"https://sync.example.com"
_ID = re.compile("[0-9]{1,19}")
_KEY = "a-token-key-for-tests-that-is-long-enough"
_TOKENS = Tokens([_KEY], Revocations(""), 100_000)  # days, so that a kept input does not expire


def webhook_body(data: bytes) -> None:
    """A body is refused, or all its events are kept, touch only ids, and read the same when they are read again."""
    provider = HubSpot((SECRET,))
    try:
        deliveries = provider.parse(WebhookRequest(b"/", (), data, NOW), frozenset())
    except Problem as problem:
        assert problem.status == 400  # noqa: PT017 - pytest is not there when this is fuzzed
        return
    assert 1 <= sum(one.event_count for one in deliveries) <= MAX_EVENTS
    for one in deliveries:
        assert len(one.event_record_ids) == one.event_count >= max(one.ignored_count, one.not_understood)
        assert len(one.touches) <= one.event_count * (MOST_MERGED + 3)
        for touch in one.touches:
            assert _ID.fullmatch(touch.record_id)
            touch.source.encode()
        for event in provider.show(one.events):
            repr(event).encode()
        (again,) = provider.parse(WebhookRequest(b"/", (), one.events, NOW), frozenset())
        assert again == one


def signature(data: bytes) -> None:
    """No request passes without the secret; one that is signed with it does, and no longer after any change."""
    target, v3, stamp, v1, version, body = lines(data, 6)
    provider, url = HubSpot((SECRET,), allow_v1=True), API_URL + target
    headers = [
        (b"x-hubspot-signature-v3", v3),
        (b"x-hubspot-request-timestamp", stamp),
        (b"x-hubspot-signature", v1),
        (b"x-hubspot-signature-version", version),
    ]
    for some in (headers, headers[2:], headers[:1]):
        request = WebhookRequest(target, some, body, NOW)
        assert provider.has_proof(request)
        with suppress(NotVerifiedError):
            provider.verify(request, url)
            raise AssertionError("it is believed")
    now = str(NOW).encode()
    signed = sign_v3(SECRET, b"POST", decode_uri(url), body, now)
    own = [(b"x-hubspot-signature-v3", signed), (b"x-hubspot-request-timestamp", now)]
    assert provider.verify(WebhookRequest(target, own, body, NOW), url) == frozenset()
    with suppress(NotVerifiedError):
        provider.verify(WebhookRequest(target, own, body + b"0", NOW), url)
        raise AssertionError("a changed body is believed")


def bearer(data: bytes) -> None:
    """Whatever stands in the header, nobody is let in without the key."""
    text = data.decode("latin-1")
    for header in (text, f"Bearer {text}"):
        with suppress(Problem):
            _TOKENS.authenticate(header)
            raise AssertionError("it is believed")


def claims(data: bytes) -> None:
    """Of a genuine token, whatever it claims, the caller is known by name, tenant and role, or it is refused."""
    head = base64url_encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    signed = b".".join((head, base64url_encode(data)))
    token = b".".join((signed, base64url_encode(digest(_KEY.encode(), signed, sha256))))
    try:
        caller = _TOKENS.authenticate(f"Bearer {token.decode()}")
    except Problem as problem:
        assert problem.status == 401  # noqa: PT017 - as above
        return
    assert AUDIENCE.encode() in data
    assert caller.tenant.isprintable()
    assert caller.subject.isprintable()


TARGETS = (
    Target(webhook_body, holds_json=True, payloads=PAYLOADS),
    Target(signature),
    Target(bearer),
    Target(claims, holds_json=True),
)
